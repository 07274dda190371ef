// What is used of OpenSSL 3: message authentication codes.
#pragma once
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
