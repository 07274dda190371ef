import COpenSSL

// Source: FIPS 186-5, section 6.

extension ECPrivateKey where Use == ECDSA {
    /// - Throws: ``CryptoError`` when libcrypto cannot sign.
    public func signature(for digest: some Digest) throws(CryptoError) -> ECDSASignature<Curve> {
        guard let context = KeyContext(object) else { throw .unavailable("libcrypto cannot begin a signature") }
        let capacity = 2 * Curve.curve.size + 16
        let der = [UInt8].filled(capacity: capacity) { output in
            digest.withBytes { start, count in
                var written = capacity
                guard EVP_PKEY_sign_init(context.pointer) == 1,
                    EVP_PKEY_sign(context.pointer, output, &written, start, count) == 1
                else { return nil }
                return written
            }
        }
        guard let der else { throw cleared(.unavailable("libcrypto cannot sign on \(Curve.curve.name)")) }
        return try ECDSASignature(derRepresentation: der)
    }
}

extension ECPublicKey where Use == ECDSA {
    /// Whether the private half of this key signed the digest. A digest that is longer than the curve's numbers is cut, as
    /// the standard has it.
    public func isValidSignature(_ signature: ECDSASignature<Curve>, for digest: some Digest) -> Bool {
        if Curve.self == P384.self, let faster = P384Verification.installed {
            return digest.withBytes { digest, count in
                faster(
                    x963Representation, signature.rawRepresentation, UnsafeBufferPointer(start: digest, count: count))
            }
        }
        return isValidForLibrary(signature, for: digest)
    }

    /// By libcrypto, whatever was put into ``P384Verification``.
    func isValidForLibrary(_ signature: ECDSASignature<Curve>, for digest: some Digest) -> Bool {
        guard let context = KeyContext(object) else { return false }
        let isValid = signature.derRepresentation.withBytes { signature, size in
            digest.withBytes { digest, count in
                EVP_PKEY_verify_init(context.pointer) == 1
                    && EVP_PKEY_verify(context.pointer, signature, size, digest, count) == 1
            }
        }
        if !isValid { ERR_clear_error() }
        return isValid
    }
}
