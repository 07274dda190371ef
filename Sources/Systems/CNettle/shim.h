// Nettle's ECDSA (Debian's nettle-dev and libgmp-dev).
#pragma once
#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <nettle/version.h>
#include <stddef.h>
#include <stdint.h>

// Whether the key (x, y: 48 bytes each) made the signature (r, s: 48 bytes each) over the digest. Nettle refuses points
// that are not on the curve, and r and s that are 0 or not below the order. Its numbers are GMP's.
static inline int kbs_p384_is_valid(const uint8_t *key, const uint8_t *signature, const uint8_t *digest, size_t size) {
    mpz_t x, y;
    struct ecc_point point;
    struct dsa_signature numbers;
    mpz_init(x);
    mpz_init(y);
    mpz_import(x, 48, 1, 1, 1, 0, key);
    mpz_import(y, 48, 1, 1, 1, 0, key + 48);
    ecc_point_init(&point, nettle_get_secp_384r1());
    dsa_signature_init(&numbers);
    mpz_import(numbers.r, 48, 1, 1, 1, 0, signature);
    mpz_import(numbers.s, 48, 1, 1, 1, 0, signature + 48);
    int valid = ecc_point_set(&point, x, y) && ecdsa_verify(&point, size, digest, &numbers);
    dsa_signature_clear(&numbers);
    ecc_point_clear(&point);
    mpz_clear(y);
    mpz_clear(x);
    return valid;
}
