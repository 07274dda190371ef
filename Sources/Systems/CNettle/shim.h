// Nettle's ECDSA (Debian's nettle-dev and libgmp-dev).
#pragma once
#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
