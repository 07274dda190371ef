import COpenSSL

extension AES {
    /// Counter mode, without authentication, as in SEV's firmware. Source: NIST SP 800-38A.
    public enum CTR {
        private static let ciphers = Ciphers(
            bits128: Fetched.aes128CTR, bits192: Fetched.aes192CTR, bits256: Fetched.aes256CTR)

        /// - Parameters:
        ///   - key: 16, 24 or 32 bytes.
        ///   - block: the first counter block, a big-endian number of 16 bytes.
        public static func encrypt(
            _ message: some Collection<UInt8>, using key: SymmetricKey, counter block: some Collection<UInt8>
        ) throws(CryptoError) -> [UInt8] {
            guard block.count == 16 else {
                throw .incorrectSize("the counter block of AES-CTR has 16 bytes, not \(block.count)")
            }
            let cipher = try ciphers.cipher(for: key)
            try checkLength(message.count)
            let context = CipherContext()
            let result = message.withBytes { text, count in
                [UInt8].filled(capacity: count) { output in
                    guard block.withBytes({ block, _ in context.begin(cipher, key, block, encrypting: true) }),
                        count == 0 || context.update(output, text, count) == count
                    else { return nil }
                    return count
                }
            }
            guard let result else { throw cleared(.unavailable("libcrypto cannot encrypt with AES-CTR")) }
            return result
        }
    }
}
