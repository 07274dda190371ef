import Bytes
import COpenSSL

extension AES {
    /// Encryption of keys. Source: RFC 3394, NIST SP 800-38F (KW).
    public enum KeyWrap {
        private static let ciphers = Ciphers(
            bits128: Fetched.aes128Wrap, bits192: Fetched.aes192Wrap, bits256: Fetched.aes256Wrap)

        /// - Parameters:
        ///   - key: at least 16 bytes, a multiple of 8.
        ///   - wrapping: 16, 24 or 32 bytes.
        /// - Returns: the key's length and 8 bytes.
        public static func wrap(_ key: SymmetricKey, using wrapping: SymmetricKey) throws(CryptoError) -> [UInt8] {
            let count = key.bitCount / 8
            guard count >= 16, count.isMultiple(of: 8) else {
                throw .incorrectSize("AES key wrap takes 16, 24, 32 … bytes, not \(count)")
            }
            let wrapped = try key.withUnsafeBytes { (bytes) throws(CryptoError) in
                try run(bytes, using: wrapping, encrypting: true, outputCount: count + 8)
            }
            guard let wrapped else { throw cleared(.unavailable("libcrypto cannot wrap a key")) }
            return wrapped
        }

        /// - Parameter wrapped: at least 24 bytes, a multiple of 8.
        /// - Throws: ``CryptoError/authenticationFailure`` for another key, or changed bytes.
        public static func unwrap(
            _ wrapped: some Collection<UInt8>, using wrapping: SymmetricKey
        ) throws(CryptoError) -> SymmetricKey {
            let count = wrapped.count
            guard count >= 24, count.isMultiple(of: 8) else {
                throw .incorrectSize("a key in AES key wrap has 24, 32, 40 … bytes, not \(count)")
            }
            guard var key = try run(wrapped, using: wrapping, encrypting: false, outputCount: count - 8) else {
                throw cleared(.authenticationFailure)
            }
            return SymmetricKey(Secret(wiping: &key))
        }

        private static func run(
            _ input: some Collection<UInt8>, using key: SymmetricKey, encrypting: Bool, outputCount: Int
        ) throws(CryptoError) -> [UInt8]? {
            let cipher = try ciphers.cipher(for: key)
            try checkLength(input.count)
            let context = CipherContext()
            EVP_CIPHER_CTX_set_flags(context.pointer, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
            // Unwrapping writes one block more than its result.
            var output = [UInt8](repeating: 0, count: outputCount + 16)
            defer { output.wipe() }
            let written = input.withBytes { start, count in
                output.withUnsafeMutableBufferPointer { buffer -> Int? in
                    guard let first = buffer.baseAddress,
                        context.begin(cipher, key, nil, encrypting: encrypting)
                    else { return nil }
                    return context.update(first, start, count)
                }
            }
            return written == outputCount ? Array(output.prefix(outputCount)) : nil
        }
    }
}
