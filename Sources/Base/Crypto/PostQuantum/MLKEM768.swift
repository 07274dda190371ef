import Bytes
import COpenSSL

/// ML-KEM-768, a key encapsulation that resists quantum computers. Source: FIPS 203.
///
/// It needs OpenSSL 3.5 or later (``isAvailable``); otherwise every initialiser throws ``CryptoError/unavailable(_:)``.
public enum MLKEM768 {
    public static var isAvailable: Bool { Fetched.mlkem768.isAvailable }

    static let publicKeySize = 1_184
    static let ciphertextSize = 1_088

    public struct PublicKey: Sendable {
        let object: KeyObject
        /// 1,184 bytes.
        public let rawRepresentation: [UInt8]

        public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
            try checkAvailability()
            guard bytes.count == publicKeySize else {
                throw .incorrectSize("an ML-KEM-768 key has \(publicKeySize) bytes, not \(bytes.count)")
            }
            var parameters = Parameters()
            parameters.add("pub", bytes: bytes)
            guard let object = KeyObject("ML-KEM-768", .publicKey, parameters) else {
                throw .unusableKey("the bytes are not an ML-KEM-768 key")
            }
            self.object = object
            rawRepresentation = Array(bytes)
        }

        fileprivate init(_ object: KeyObject, _ bytes: [UInt8]) { (self.object, rawRepresentation) = (object, bytes) }

        /// - Returns: a new secret of 32 bytes, and its encapsulation for the key's owner, 1,088 bytes.
        public func encapsulate() throws(CryptoError) -> (sharedSecret: SymmetricKey, encapsulated: [UInt8]) {
            guard let context = KeyContext(object) else { throw MLKEM768.failed }
            var ciphertext: [UInt8]?
            let secret = Secret(count: 32) { output in
                ciphertext = [UInt8].filled(capacity: ciphertextSize) { sent in
                    var (size, secretSize) = (ciphertextSize, 32)
                    guard EVP_PKEY_encapsulate_init(context.pointer, nil) == 1,
                        EVP_PKEY_encapsulate(
                            context.pointer, sent, &size, output.bindMemory(to: UInt8.self).baseAddress, &secretSize)
                            == 1, secretSize == 32
                    else { return nil }
                    return size
                }
            }
            guard let ciphertext, ciphertext.count == ciphertextSize else { throw cleared(MLKEM768.failed) }
            return (SymmetricKey(secret), ciphertext)
        }
    }

    public struct PrivateKey: Sendable {
        let object: KeyObject
        public let publicKey: PublicKey

        /// A new key.
        public init() throws(CryptoError) {
            try checkAvailability()
            guard let object = KeyObject.generate("ML-KEM-768", { _ in true }) else { throw MLKEM768.failed }
            try self.init(object)
        }

        /// - Parameter seed: d ‖ z, 64 bytes.
        public init(seedRepresentation seed: some Collection<UInt8>) throws(CryptoError) {
            try checkAvailability()
            guard seed.count == 64 else { throw .incorrectSize("an ML-KEM seed has 64 bytes, not \(seed.count)") }
            var parameters = Parameters()
            parameters.add("seed", bytes: seed)
            guard let object = KeyObject("ML-KEM-768", .pair, parameters) else { throw MLKEM768.failed }
            try self.init(object)
        }

        private init(_ object: KeyObject) throws(CryptoError) {
            guard let bytes = object.bytes("pub", capacity: publicKeySize), bytes.count == publicKeySize else {
                throw MLKEM768.failed
            }
            self.object = object
            publicKey = PublicKey(object, bytes)
        }

        /// - Parameter encapsulated: 1,088 bytes.
        /// - Returns: the secret, 32 bytes. By the standard, changed bytes give another secret.
        public func decapsulate(_ encapsulated: some Collection<UInt8>) throws(CryptoError) -> SymmetricKey {
            guard encapsulated.count == ciphertextSize else {
                throw .incorrectSize("an ML-KEM-768 ciphertext has \(ciphertextSize) bytes, not \(encapsulated.count)")
            }
            guard let context = KeyContext(object) else { throw MLKEM768.failed }
            var size = 32
            let secret = Secret(count: 32) { output in
                let isDone = encapsulated.withBytes { start, count in
                    EVP_PKEY_decapsulate_init(context.pointer, nil) == 1
                        && EVP_PKEY_decapsulate(
                            context.pointer, output.bindMemory(to: UInt8.self).baseAddress, &size, start, count) == 1
                }
                if !isDone { size = 0 }
            }
            guard size == 32 else { throw cleared(MLKEM768.failed) }
            return SymmetricKey(secret)
        }
    }

    private static func checkAvailability() throws(CryptoError) {
        guard isAvailable else {
            throw .unavailable(
                "ML-KEM-768 is in OpenSSL 3.5 and later, and this host has \(CryptoLibrary.version): use another key, or "
                    + "a host such as Debian 13")
        }
    }

    private static var failed: CryptoError {
        .unavailable("libcrypto (\(CryptoLibrary.version)) cannot do ML-KEM-768 with this key")
    }
}
