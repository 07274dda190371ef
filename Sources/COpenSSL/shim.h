// What is used of OpenSSL 3: KMAC256. In C, because OpenSSL's parameters keep pointers to their names, and a Swift
// string lends its bytes for one call only.
#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

// Writes `size` bytes of KMAC256(key, message, 8 · size, customization) to `code`. Returns 1, or 0 when OpenSSL cannot.
static inline int kbs_kmac256(const unsigned char *key, size_t key_size, const unsigned char *message,
                              size_t message_size, const unsigned char *customization, size_t customization_size,
                              unsigned char *code, size_t size) {
    EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "KMAC256", NULL);
    EVP_MAC_CTX *context = algorithm ? EVP_MAC_CTX_new(algorithm) : NULL;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_CUSTOM, (void *)customization, customization_size),
        OSSL_PARAM_construct_end(),
    };
    size_t written = 0;
    int done = context && EVP_MAC_init(context, key, key_size, parameters)
               && EVP_MAC_update(context, message, message_size) && EVP_MAC_final(context, code, &written, size)
               && written == size;
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(algorithm);
    return done;
}
