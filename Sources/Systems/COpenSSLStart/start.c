// OpenSSL frees its tables at exit, under threads that still use them. The first call of libcrypto in the process
// decides; libpq and libcurl make one too, and test bundles have no main of ours. So it is made before main.
#include "COpenSSLStart.h"
#include <openssl/crypto.h>

__attribute__((constructor)) static void kbs_openssl_start(void) {
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
