import COpenSSL

extension AES {
    /// Counter mode: encryption that authenticates nothing. SEV's firmware speaks it. Source: NIST SP 800-38A.
    public enum CTR {
        /// The first counter block, 16 bytes: it counts up as one big-endian number.
        public struct Nonce: Sendable {
            fileprivate let bytes: [UInt8]

            /// - Throws: ``CryptoError/incorrectSize(_:)`` unless there are 16 bytes.
            public init(nonceBytes bytes: some Collection<UInt8>) throws(CryptoError) {
                guard bytes.count == 16 else {
                    throw .incorrectSize("the counter block of AES-CTR has 16 bytes, not \(bytes.count)")
                }
                self.bytes = Array(bytes)
            }
        }

        private static let ciphers = Ciphers(
            bits128: Fetched.aes128CTR, bits192: Fetched.aes192CTR, bits256: Fetched.aes256CTR)

        /// - Parameter key: 16, 24 or 32 bytes.
        public static func encrypt(
            _ message: some Collection<UInt8>, using key: SymmetricKey, nonce: Nonce
        ) throws(CryptoError) -> [UInt8] {
            let cipher = try ciphers.cipher(for: key)
            try checkLength(message.count)
            let context = CipherContext()
            let result = message.withBytes { text, count in
                [UInt8].filled(capacity: count) { output in
                    guard nonce.bytes.withBytes({ block, _ in context.begin(cipher, key, block, encrypting: true) }),
                        count == 0 || context.update(output, text, count) == count
                    else { return nil }
                    return count
                }
            }
            guard let result else { throw cleared(.unavailable("libcrypto cannot encrypt with AES-CTR")) }
            return result
        }

        /// The same as ``encrypt(_:using:nonce:)``.
        public static func decrypt(
            _ ciphertext: some Collection<UInt8>, using key: SymmetricKey, nonce: Nonce
        ) throws(CryptoError) -> [UInt8] {
            try encrypt(ciphertext, using: key, nonce: nonce)
        }
    }
}
