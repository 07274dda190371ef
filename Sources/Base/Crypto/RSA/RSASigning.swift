import COpenSSL

extension RSA.Signing {
    public enum Padding: Sendable {
        /// RSASSA-PSS, with MGF1 of the digest's hash function, and a salt of its length.
        case PSS
        /// RSASSA-PKCS1-v1_5, as in RS256.
        case insecurePKCS1v1_5
    }

    public struct RSASignature: Hashable, Sendable {
        /// Of the modulus's length.
        public let rawRepresentation: [UInt8]

        public init(rawRepresentation bytes: some Collection<UInt8>) { rawRepresentation = Array(bytes) }
    }
}

extension RSAPrivateKey where Use == RSA.Signing {
    /// - Throws: ``CryptoError`` when libcrypto cannot sign.
    public func signature<Function: HashFunction>(
        for digest: DigestOf<Function>, padding: RSA.Signing.Padding = .PSS
    ) throws(CryptoError) -> RSA.Signing.RSASignature {
        let signature = object.signature(of: digest, capacity: publicKey.size) {
            configure($0, padding, Function.self)
        }
        guard let signature else { throw .unavailable("libcrypto cannot sign with RSA") }
        return RSA.Signing.RSASignature(rawRepresentation: signature)
    }
}

extension RSAPublicKey where Use == RSA.Signing {
    /// Whether the key pair's private key signed the digest with this padding.
    public func isValidSignature<Function: HashFunction>(
        _ signature: RSA.Signing.RSASignature, for digest: DigestOf<Function>, padding: RSA.Signing.Padding = .PSS
    ) -> Bool {
        guard signature.rawRepresentation.count == size else { return false }
        return object.isValidSignature(signature.rawRepresentation, of: digest) {
            configure($0, padding, Function.self)
        }
    }
}

private func configure(
    _ context: borrowing KeyContext, _ padding: RSA.Signing.Padding, _ function: (some HashFunction).Type
) -> Bool {
    let digest = function.algorithm.fetched.pointer
    switch padding {
    case .insecurePKCS1v1_5:
        return EVP_PKEY_CTX_set_rsa_padding(context.pointer, RSA_PKCS1_PADDING) == 1
            && EVP_PKEY_CTX_set_signature_md(context.pointer, digest) == 1
    case .PSS:
        return EVP_PKEY_CTX_set_rsa_padding(context.pointer, RSA_PKCS1_PSS_PADDING) == 1
            && EVP_PKEY_CTX_set_signature_md(context.pointer, digest) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(context.pointer, digest) == 1
            && EVP_PKEY_CTX_set_rsa_pss_saltlen(context.pointer, Int32(function.byteCount)) == 1
    }
}
