// The PKCS #11 interface, with its standard names. Modules are loaded at run time, by path.
#pragma once
#define CRYPTOKI_COMPAT 1
#if __has_include(<p11-kit/pkcs11.h>)
#include <p11-kit/pkcs11.h>
#elif __has_include("/usr/include/p11-kit-1/p11-kit/pkcs11.h")
// Debian's path, and others'.
#include "/usr/include/p11-kit-1/p11-kit/pkcs11.h"
#elif __has_include("/opt/homebrew/include/p11-kit-1/p11-kit/pkcs11.h")
#include "/opt/homebrew/include/p11-kit-1/p11-kit/pkcs11.h"
#else
#error "The header of PKCS #11 is missing: install libp11-kit-dev"
#endif
