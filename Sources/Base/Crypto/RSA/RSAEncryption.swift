import COpenSSL

extension RSA.Encryption {
    public enum Padding: Sendable {
        /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256, without a label.
        case PKCS1_OAEP_SHA256
        /// RSAES-PKCS1-v1_5, which the virtee protocol prescribes. It is broken when attackers can observe the result of
        /// decrypting chosen texts.
        case insecurePKCS1v1_5
    }
}

extension RSAPublicKey where Use == RSA.Encryption {
    /// The longest message, in bytes.
    public func longestMessage(_ padding: RSA.Encryption.Padding) -> Int {
        switch padding {
        case .PKCS1_OAEP_SHA256: size - 2 * SHA256.byteCount - 2
        case .insecurePKCS1v1_5: size - 11
        }
    }

    /// - Throws: ``CryptoError/incorrectSize(_:)`` for a message that does not fit.
    public func encrypt(
        _ message: some Collection<UInt8>, padding: RSA.Encryption.Padding
    ) throws(CryptoError) -> [UInt8] {
        guard message.count <= longestMessage(padding) else {
            throw .incorrectSize(
                "\(message.count) bytes do not fit into RSA with \(keySizeInBits) bits: \(longestMessage(padding)) do")
        }
        guard let context = KeyContext(object) else { throw .unavailable("libcrypto cannot begin an encryption") }
        let ciphertext = [UInt8].filled(capacity: size) { output in
            message.withBytes { start, count in
                var written = size
                guard EVP_PKEY_encrypt_init(context.pointer) == 1, configure(context, padding),
                    EVP_PKEY_encrypt(context.pointer, output, &written, start, count) == 1
                else { return nil }
                return written
            }
        }
        guard let ciphertext else { throw cleared(.unavailable("libcrypto cannot encrypt with RSA")) }
        return ciphertext
    }
}

extension RSAPrivateKey where Use == RSA.Encryption {
    /// - Throws: ``CryptoError/authenticationFailure`` for a text that was not encrypted to this key. With PKCS #1 v1.5 only
    ///   the padding tells, and others must not observe the result.
    public func decrypt(
        _ ciphertext: some Collection<UInt8>, padding: RSA.Encryption.Padding
    ) throws(CryptoError) -> [UInt8] {
        let size = publicKey.size
        guard ciphertext.count == size else { throw .authenticationFailure }
        guard let context = KeyContext(object) else { throw .unavailable("libcrypto cannot begin a decryption") }
        let message = [UInt8].filled(capacity: size) { output in
            ciphertext.withBytes { start, count in
                var written = size
                guard EVP_PKEY_decrypt_init(context.pointer) == 1, configure(context, padding) else { return nil }
                if padding == .insecurePKCS1v1_5 { disableImplicitRejection(context) }
                guard EVP_PKEY_decrypt(context.pointer, output, &written, start, count) == 1 else {
                    OPENSSL_cleanse(output, size)
                    return nil
                }
                return written
            }
        }
        guard let message else { throw cleared(.authenticationFailure) }
        return message
    }

    /// Since 3.2, OpenSSL returns random bytes in place of an error. The guest that decrypts needs the error, and gets only
    /// one text. Before 3.2 the parameter is unknown, and an error is the only behaviour.
    private func disableImplicitRejection(_ context: borrowing KeyContext) {
        var off = Parameters()
        off.add("implicit-rejection", size: 0)
        if off.withList({ EVP_PKEY_CTX_set_params(context.pointer, $0) }) != 1 { ERR_clear_error() }
    }
}

private func configure(_ context: borrowing KeyContext, _ padding: RSA.Encryption.Padding) -> Bool {
    switch padding {
    case .insecurePKCS1v1_5:
        return EVP_PKEY_CTX_set_rsa_padding(context.pointer, RSA_PKCS1_PADDING) == 1
    case .PKCS1_OAEP_SHA256:
        let digest = SHA256.algorithm.fetched.pointer
        return EVP_PKEY_CTX_set_rsa_padding(context.pointer, RSA_PKCS1_OAEP_PADDING) == 1
            && EVP_PKEY_CTX_set_rsa_oaep_md(context.pointer, digest) == 1
            && EVP_PKEY_CTX_set_rsa_mgf1_md(context.pointer, digest) == 1
    }
}
