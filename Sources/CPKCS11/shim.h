// The PKCS#11 interface, with its standard names. Nothing is linked: a module is loaded by its path.
#pragma once
#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>
