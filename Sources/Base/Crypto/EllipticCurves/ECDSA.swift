// Source: FIPS 186-5, section 6.

extension ECPrivateKey where Use == ECDSA {
    /// - Throws: ``CryptoError`` when libcrypto cannot sign.
    public func signature(for digest: some Digest) throws(CryptoError) -> ECDSASignature<Curve> {
        guard let der = object.signature(of: digest, capacity: 2 * Curve.curve.size + 16) else {
            throw .unavailable("libcrypto cannot sign on \(Curve.curve.name)")
        }
        return try ECDSASignature(derRepresentation: der)
    }
}

extension ECPublicKey where Use == ECDSA {
    /// Whether the key pair's private key signed the digest. By the standard, a digest longer than the group's order is
    /// truncated.
    public func isValidSignature(_ signature: ECDSASignature<Curve>, for digest: some Digest) -> Bool {
        if Curve.self == P384.self, let faster = P384Verification.installed {
            return digest.withBytes { digest, count in
                faster(
                    x963Representation, signature.rawRepresentation, UnsafeBufferPointer(start: digest, count: count))
            }
        }
        return isValidForLibrary(signature, for: digest)
    }

    /// Verifies by libcrypto, independent of ``P384Verification``.
    func isValidForLibrary(_ signature: ECDSASignature<Curve>, for digest: some Digest) -> Bool {
        object.isValidSignature(signature.derRepresentation, of: digest)
    }
}
