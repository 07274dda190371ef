// OpenSSL 3 (Debian's libssl-dev): libcrypto and libssl. The functions here are for macros, and for arrays of OSSL_PARAM,
// which retain pointers that a Swift string lends for one call only.
#pragma once
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// No renegotiation, no compression, and buffers of decrypted bytes are wiped. Early data is off by default.
static inline void kbs_tls_forbid(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
}

// Initialises a session ticket's MAC, for the callback of SSL_CTX_set_tlsext_ticket_key_evp_cb.
static inline int kbs_tls_begin_ticket_code(EVP_MAC_CTX *code, const unsigned char *key, size_t length) {
    char digest[] = "SHA2-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(code, key, length, parameters);
}
