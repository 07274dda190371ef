import Bytes
import COpenSSL

extension AES {
    /// Galois/Counter Mode: authenticated encryption. Source: NIST SP 800-38D.
    ///
    /// Nonces must have 12 bytes and tags 16, as libcrypto accepts tags of 4.
    public enum GCM {
        /// 12 bytes. A nonce must not be used twice with one key.
        public struct Nonce: RandomAccessCollection, Hashable, Sendable {
            static let byteCount = 12
            private let bytes: [UInt8]

            /// A random one.
            public init() { bytes = SecureRandom.bytes(Self.byteCount) }

            /// - Throws: ``CryptoError/incorrectSize(_:)`` unless there are 12 bytes.
            public init(data bytes: some Collection<UInt8>) throws(CryptoError) {
                guard bytes.count == Self.byteCount else {
                    throw .incorrectSize("a nonce of AES-GCM has 12 bytes, not \(bytes.count)")
                }
                self.bytes = Array(bytes)
            }

            fileprivate init(whole bytes: [UInt8]) { self.bytes = bytes }

            public var startIndex: Int { 0 }
            public var endIndex: Int { Self.byteCount }
            public subscript(position: Int) -> UInt8 { bytes[position] }

            public func withContiguousStorageIfAvailable<Result>(
                _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
            ) rethrows -> Result? {
                try bytes.withContiguousStorageIfAvailable(body)
            }
        }

        /// An encrypted message with its nonce and tag.
        public struct SealedBox: Hashable, Sendable {
            static let tagByteCount = 16
            /// Nonce ‖ ciphertext ‖ tag.
            public let combined: [UInt8]

            /// - Throws: ``CryptoError/incorrectSize(_:)`` when it is shorter than a nonce and a tag.
            public init(combined: some Collection<UInt8>) throws(CryptoError) {
                guard combined.count >= Nonce.byteCount + Self.tagByteCount else {
                    throw .incorrectSize("a sealed box of AES-GCM has 28 bytes or more, not \(combined.count)")
                }
                self.combined = Array(combined)
            }

            /// - Throws: ``CryptoError/incorrectSize(_:)`` unless the tag has 16 bytes.
            public init(
                nonce: Nonce, ciphertext: some Collection<UInt8>, tag: some Collection<UInt8>
            ) throws(CryptoError) {
                guard tag.count == Self.tagByteCount else {
                    throw .incorrectSize("a tag of AES-GCM has 16 bytes, not \(tag.count)")
                }
                combined = Array(nonce) + Array(ciphertext) + Array(tag)
            }

            fileprivate init(whole combined: [UInt8]) { self.combined = combined }

            public var nonce: Nonce { Nonce(whole: Array(combined.prefix(Nonce.byteCount))) }
            public var ciphertext: ArraySlice<UInt8> {
                combined.dropFirst(Nonce.byteCount).dropLast(Self.tagByteCount)
            }
            /// 16 bytes.
            public var tag: ArraySlice<UInt8> { combined.suffix(Self.tagByteCount) }
        }

        private static let ciphers = Ciphers(
            bits128: Fetched.aes128GCM, bits192: Fetched.aes192GCM, bits256: Fetched.aes256GCM)

        /// - Parameters:
        ///   - key: 16, 24 or 32 bytes.
        ///   - nonce: a random one, except for known-answer tests.
        ///   - additional: data that is authenticated, and not encrypted.
        public static func seal(
            _ message: some Collection<UInt8>, using key: SymmetricKey, nonce: Nonce = Nonce(),
            authenticating additional: some Collection<UInt8> = [UInt8]()
        ) throws(CryptoError) -> SealedBox {
            let cipher = try ciphers.cipher(for: key)
            try checkLength(message.count)
            try checkLength(additional.count)
            let context = CipherContext()
            let (before, after) = (Nonce.byteCount, SealedBox.tagByteCount)
            let combined = message.withBytes { text, count in
                [UInt8].filled(capacity: before + count + after) { output in
                    nonce.withBytes { output.update(from: $0, count: $1) }
                    guard context.begin(cipher, key, output, encrypting: true),
                        context.authenticate(additional),
                        context.update(output + before, text, count) == count,
                        context.finish(output + before + count) == 0,
                        EVP_CIPHER_CTX_ctrl(
                            context.pointer, EVP_CTRL_AEAD_GET_TAG, Int32(after), output + before + count) == 1
                    else { return nil }
                    return before + count + after
                }
            }
            guard let combined else { throw cleared(.unavailable("libcrypto cannot encrypt with AES-GCM")) }
            return SealedBox(whole: combined)
        }

        /// - Throws: ``CryptoError/authenticationFailure`` for another key, or a changed box.
        public static func open(
            _ box: SealedBox, using key: SymmetricKey, authenticating additional: some Collection<UInt8> = [UInt8]()
        ) throws(CryptoError) -> [UInt8] {
            let cipher = try ciphers.cipher(for: key)
            try checkLength(box.combined.count)
            try checkLength(additional.count)
            let context = CipherContext()
            let (before, after) = (Nonce.byteCount, SealedBox.tagByteCount)
            let count = box.combined.count - before - after
            let message = box.combined.withBytes { input, _ in
                [UInt8].filled(capacity: count) { output in
                    let isOpen =
                        context.begin(cipher, key, input, encrypting: false)
                        && EVP_CIPHER_CTX_ctrl(
                            context.pointer, EVP_CTRL_AEAD_SET_TAG, Int32(after),
                            UnsafeMutablePointer(mutating: input + before + count)) == 1
                        && context.authenticate(additional) && context.update(output, input + before, count) == count
                        && context.finish(output + count) == 0
                    if isOpen { return count }
                    // Text that is not authentic must not be seen.
                    OPENSSL_cleanse(output, count)
                    return nil
                }
            }
            guard let message else { throw cleared(.authenticationFailure) }
            return message
        }
    }
}
