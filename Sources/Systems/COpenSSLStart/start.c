// Disables OpenSSL's clean-up at exit, which frees tables that other threads still use. The process's first call of libcrypto
// decides it. It is made before main, as libpq and libcurl call libcrypto, too, and test bundles have another main.
#include "COpenSSLStart.h"
#include <openssl/crypto.h>

__attribute__((constructor)) static void kbs_openssl_start(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
