import COpenSSL

extension RSA.Signing {
    public enum Padding: Sendable {
        /// RSASSA-PSS: MGF1 and a salt, both of the digest's hash function and length.
        case PSS
        /// RSASSA-PKCS1-v1_5, for RS256 and its like.
        case insecurePKCS1v1_5
    }

    public struct RSASignature: Hashable, Sendable {
        /// As long as the modulus.
        public let rawRepresentation: [UInt8]

        public init(rawRepresentation bytes: some Collection<UInt8>) { rawRepresentation = Array(bytes) }
    }
}

extension RSAPrivateKey where Use == RSA.Signing {
    /// - Throws: ``CryptoError`` when libcrypto cannot sign.
    public func signature<Function: HashFunction>(
        for digest: DigestOf<Function>, padding: RSA.Signing.Padding = .PSS
    ) throws(CryptoError) -> RSA.Signing.RSASignature {
        guard let context = KeyContext(object) else { throw .unavailable("libcrypto cannot begin a signature") }
        let size = publicKey.size
        let signature = [UInt8].filled(capacity: size) { output in
            digest.withBytes { start, count in
                var written = size
                guard EVP_PKEY_sign_init(context.pointer) == 1,
                    configure(context, padding, Function.self),
                    EVP_PKEY_sign(context.pointer, output, &written, start, count) == 1
                else { return nil }
                return written
            }
        }
        guard let signature else { throw cleared(.unavailable("libcrypto cannot sign with RSA")) }
        return RSA.Signing.RSASignature(rawRepresentation: signature)
    }
}

extension RSAPublicKey where Use == RSA.Signing {
    /// Whether the private half of this key signed the digest, with this padding and no other.
    public func isValidSignature<Function: HashFunction>(
        _ signature: RSA.Signing.RSASignature, for digest: DigestOf<Function>, padding: RSA.Signing.Padding = .PSS
    ) -> Bool {
        guard signature.rawRepresentation.count == size, let context = KeyContext(object) else { return false }
        let isValid = signature.rawRepresentation.withBytes { signature, size in
            digest.withBytes { digest, count in
                EVP_PKEY_verify_init(context.pointer) == 1 && configure(context, padding, Function.self)
                    && EVP_PKEY_verify(context.pointer, signature, size, digest, count) == 1
            }
        }
        if !isValid { ERR_clear_error() }
        return isValid
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
