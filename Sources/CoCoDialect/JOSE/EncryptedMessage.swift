public import Broker
import Crypto
import CryptoExtras
import Evidence
import Foundation

/// A JWE in the flattened JSON form, encrypted with A256GCM to one guest.
///
/// Source: RFC 7516, section 7.2.2.
public struct EncryptedMessage: Sendable, Hashable {
    /// The protected header, as base64url: the AAD. Its members stand as the guests' library writes them again before it
    /// verifies the tag: `alg`, `enc`, then the others sorted.
    let protected: String
    let encryptedKey: Data
    /// 12 bytes.
    let initializationVector: Data
    let ciphertext: Data
    /// 16 bytes.
    let tag: Data

    /// Encrypts a secret: a content key is made for it, and that is wrapped for the guest.
    public init(_ secret: Secret, to key: RecipientKey) throws {
        try self.init(secret, to: key, contentKey: SymmetricKey(size: .bits256))
    }

    private init(_ secret: Secret, to key: RecipientKey, contentKey: SymmetricKey) throws {
        let wrapped = try key.wrap(contentKey)
        let protected = Data(wrapped.header.utf8).base64URL
        let box = try secret.withBytes {
            try AES.GCM.seal($0, using: contentKey, authenticating: Data(protected.utf8))
        }
        self.protected = protected
        encryptedKey = wrapped.encryptedKey
        initializationVector = Data(box.nonce)
        ciphertext = box.ciphertext
        tag = box.tag
    }

    /// The message as JSON.
    public var json: String {
        let members = [
            ("protected", protected), ("encrypted_key", encryptedKey.base64URL), ("iv", initializationVector.base64URL),
            ("ciphertext", ciphertext.base64URL), ("tag", tag.base64URL),
        ]
        // All of it is base64url: nothing needs escaping.
        return "{" + members.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",") + "}"
    }
}

/// A content key as the guest gets it.
private struct WrappedKey {
    let algorithm: String
    /// Members of the header beside `alg` and `enc`, as JSON, sorted.
    var parameters = ""
    let encryptedKey: Data

    /// With its members in the one order that works.
    var header: String { "{\"alg\":\"\(algorithm)\",\"enc\":\"A256GCM\"\(parameters)}" }
}

extension RecipientKey {
    fileprivate func wrap(_ contentKey: SymmetricKey) throws -> WrappedKey {
        switch kind {
        case .p256(let key):
            let ephemeral = P256.KeyAgreement.PrivateKey()
            return try Self.agreed(
                contentKey, try ephemeral.sharedSecretFromKeyAgreement(with: key), curve: "P-256",
                ephemeral.publicKey.rawRepresentation)
        case .p521(let key):
            let ephemeral = P521.KeyAgreement.PrivateKey()
            return try Self.agreed(
                contentKey, try ephemeral.sharedSecretFromKeyAgreement(with: key), curve: "P-521",
                ephemeral.publicKey.rawRepresentation)
        case .rsa(let modulus, let exponent, let padding):
            let key = try _RSA.Encryption.PublicKey(n: modulus, e: exponent)
            let encrypted = try contentKey.withUnsafeBytes {
                try key.encrypt(
                    $0, padding: padding == .oaep256 ? .PKCS1_OAEP_SHA256 : ._WEAK_AND_INSECURE_PKCS_V1_5)
            }
            return WrappedKey(algorithm: padding == .oaep256 ? "RSA-OAEP-256" : "RSA1_5", encryptedKey: encrypted)
        case .mlkem768(let key):
            let encapsulated = try key.encapsulate()
            let wrapping = try PostQuantumKDF.derive(encapsulated.sharedSecret)
            return WrappedKey(
                algorithm: PostQuantumKDF.algorithm, parameters: ",\"ek\":\"\(encapsulated.encapsulated.base64URL)\"",
                encryptedKey: try AES.KeyWrap.wrap(contentKey, using: wrapping))
        }
    }

    /// ECDH-ES+A256KW. Source: RFC 7518, section 4.6.
    private static func agreed(
        _ contentKey: SymmetricKey, _ shared: SharedSecret, curve: String, _ point: Data
    ) throws -> WrappedKey {
        let algorithm = "ECDH-ES+A256KW"
        let wrapping = ConcatenationKDF.derive(shared, algorithm: algorithm, byteCount: 32)
        let (x, y) = (point.prefix(point.count / 2), point.suffix(point.count / 2))
        let parameters =
            ",\"epk\":{\"crv\":\"\(curve)\",\"kty\":\"EC\",\"x\":\"\(x.base64URL)\",\"y\":\"\(y.base64URL)\"}"
        return WrappedKey(
            algorithm: algorithm, parameters: parameters,
            encryptedKey: try AES.KeyWrap.wrap(contentKey, using: wrapping))
    }
}

/// How a key that wraps is derived from what ML-KEM-768 agreed on.
///
/// Source: draft-ietf-jose-pqc-kem-04, section 6: KMAC256, without PartyUInfo and PartyVInfo.
enum PostQuantumKDF {
    static let algorithm = "ML-KEM-768+A192KW"

    /// - Parameter shared: 32 bytes.
    /// - Returns: a key of 192 bits.
    static func derive(_ shared: SymmetricKey) throws -> SymmetricKey {
        let name = Array(algorithm.utf8)
        let context = UInt32(clamping: name.count).bigEndianBytes + name + UInt32(192).bigEndianBytes
        return try KMAC256.code(key: shared, message: context, byteCount: 24)
    }
}
