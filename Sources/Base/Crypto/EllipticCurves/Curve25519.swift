public import Bytes
import COpenSSL
import Formats

/// The curve of Ed25519.
public enum Curve25519 {
    /// Ed25519. Source: RFC 8032.
    public enum Signing {
        public struct PublicKey: Sendable {
            let object: KeyObject
            /// 32 bytes.
            public let rawRepresentation: [UInt8]

            /// - Throws: ``CryptoError/incorrectSize(_:)`` unless there are 32 bytes. Bytes that are not a point verify no
            ///   signature.
            public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
                guard bytes.count == 32 else {
                    throw .incorrectSize("an Ed25519 key has 32 bytes, not \(bytes.count)")
                }
                let key = bytes.withBytes { EVP_PKEY_new_raw_public_key_ex(nil, "ED25519", nil, $0, $1) }
                guard let key else { throw cleared(.unavailable("libcrypto does not have Ed25519")) }
                object = KeyObject(owning: key)
                rawRepresentation = Array(bytes)
            }

            /// - Parameter der: a SubjectPublicKeyInfo. Source: RFC 8410, section 4.
            /// - Throws: ``CryptoError/unusableKey(_:)`` for a key of another kind.
            public init(derRepresentation der: some Collection<UInt8>) throws(CryptoError) {
                let info = try SubjectPublicKeyInfo(der)
                guard info.algorithm == .ed25519 else { throw .unusableKey("it is not an Ed25519 key") }
                try self.init(rawRepresentation: info.key)
            }

            /// A SubjectPublicKeyInfo.
            public var derRepresentation: [UInt8] {
                SubjectPublicKeyInfo(algorithm: .ed25519, key: rawRepresentation).der
            }

            fileprivate init(_ object: KeyObject, _ bytes: [UInt8]) {
                (self.object, rawRepresentation) = (object, bytes)
            }

            /// - Parameter message: the message itself, which Ed25519 hashes.
            public func isValidSignature(
                _ signature: some Collection<UInt8>, for message: some Collection<UInt8>
            ) -> Bool {
                guard signature.count == 64 else { return false }
                let context = EVP_MD_CTX_new().required("memory for a signature")
                defer { EVP_MD_CTX_free(context) }
                let isValid = signature.withBytes { signature, size in
                    message.withBytes { message, count in
                        EVP_DigestVerifyInit_ex(context, nil, nil, nil, nil, object.pointer, nil) == 1
                            && EVP_DigestVerify(context, signature, size, message, count) == 1
                    }
                }
                if !isValid { ERR_clear_error() }
                return isValid
            }
        }

        public struct PrivateKey: Sendable {
            let object: KeyObject

            /// A new key.
            public init() {
                object = KeyObject.generate("ED25519") { _ in true }.required("an Ed25519 key")
            }

            /// - Parameter bytes: the seed, 32 bytes.
            public init(rawRepresentation bytes: some Collection<UInt8>) throws(CryptoError) {
                guard bytes.count == 32 else {
                    throw .incorrectSize("an Ed25519 private key has 32 bytes, not \(bytes.count)")
                }
                let key = bytes.withBytes { EVP_PKEY_new_raw_private_key_ex(nil, "ED25519", nil, $0, $1) }
                guard let key else { throw cleared(.unavailable("libcrypto does not have Ed25519")) }
                object = KeyObject(owning: key)
            }

            public var publicKey: PublicKey {
                PublicKey(object, object.bytes("pub", capacity: 32).required("an Ed25519 key's public part"))
            }

            /// The seed, 32 bytes. The caller must wipe it.
            public var rawRepresentation: [UInt8] {
                object.bytes("priv", capacity: 32).required("an Ed25519 key's private part")
            }

            /// 64 bytes.
            ///
            /// - Parameter message: the message itself, which Ed25519 hashes.
            /// - Throws: ``CryptoError`` when libcrypto cannot sign.
            public func signature(for message: some Collection<UInt8>) throws(CryptoError) -> [UInt8] {
                let context = EVP_MD_CTX_new().required("memory for a signature")
                defer { EVP_MD_CTX_free(context) }
                let signature = [UInt8].filled(capacity: 64) { output in
                    message.withBytes { message, count in
                        var written = 64
                        guard EVP_DigestSignInit_ex(context, nil, nil, nil, nil, object.pointer, nil) == 1,
                            EVP_DigestSign(context, output, &written, message, count) == 1
                        else { return nil }
                        return written
                    }
                }
                guard let signature else { throw cleared(.unavailable("libcrypto cannot sign with Ed25519")) }
                return signature
            }
        }
    }
}

extension Curve25519.Signing.PrivateKey: Unprintable {
    public var description: String { "a private key of Ed25519" }
}
