public import Bytes
import Crypto
import Formats

/// A JWE, encrypted with AES-GCM to one key. Source: RFC 7516.
public struct EncryptedMessage: Sendable, Hashable {
    /// The protected header, as base64url: the AAD. Its members stand as the guests' library writes them again before it
    /// verifies the tag: `alg`, `enc`, then the others sorted.
    public let protected: String
    public let encryptedKey: [UInt8]
    /// 12 bytes.
    public let initializationVector: [UInt8]
    public let ciphertext: [UInt8]
    /// 16 bytes.
    public let tag: [UInt8]
}

extension EncryptedMessage {
    /// Encrypts a secret: a content key is made for it, and that is wrapped for the recipient.
    ///
    /// - Parameter resource: what the secret is, for the protected header (`resource`): the tag covers it.
    /// - Throws: ``JOSEError`` when libcrypto cannot do it.
    public init(_ secret: Secret, to key: RecipientKey, resource: String? = nil) throws(JOSEError) {
        let contentKey = SymmetricKey(size: .bits256)
        do {
            let wrapped = try key.wrap(contentKey)
            let protected = wrapped.header(resource: resource).utf8.base64URL
            let box = try secret.withBytes { (bytes) throws(CryptoError) in
                try AES.GCM.seal(bytes, using: contentKey, authenticating: protected.utf8)
            }
            self.init(
                protected: protected, encryptedKey: wrapped.encryptedKey, initializationVector: Array(box.nonce),
                ciphertext: Array(box.ciphertext), tag: Array(box.tag))
        } catch { throw JOSEError(error) }
    }

    /// The flattened JSON form. Source: section 7.2.2.
    public var json: String {
        let members = [
            ("protected", protected), ("encrypted_key", encryptedKey.base64URL), ("iv", initializationVector.base64URL),
            ("ciphertext", ciphertext.base64URL), ("tag", tag.base64URL),
        ]
        // All of it is base64url: nothing needs escaping.
        return "{" + members.map { "\"\($0.0)\":\"\($0.1)\"" }.joined(separator: ",") + "}"
    }
}

/// A content key as its recipient gets it.
private struct WrappedKey {
    let algorithm: String
    /// Members of the header beside `alg` and `enc`, as JSON, sorted.
    var parameters = ""
    let encryptedKey: [UInt8]

    /// With its members in the one order that works: `ek` and `epk` stand before `resource`.
    func header(resource: String?) -> String {
        var header = Array("{\"alg\":\"\(algorithm)\",\"enc\":\"A256GCM\"\(parameters)".utf8)
        if let resource {
            header += ",\"resource\":".utf8
            JSONString.append(resource, to: &header)
        }
        return String(decoding: header, as: UTF8.self) + "}"
    }
}

extension RecipientKey {
    fileprivate func wrap(_ contentKey: SymmetricKey) throws(CryptoError) -> WrappedKey {
        switch kind {
        case .p256(let key): return try Self.agreed(contentKey, key)
        case .p521(let key): return try Self.agreed(contentKey, key)
        case .rsa(let key, let padding):
            let encrypted = try contentKey.withUnsafeBytes { (bytes) throws(CryptoError) in
                try key.encrypt(bytes, padding: padding)
            }
            return WrappedKey(
                algorithm: padding == .PKCS1_OAEP_SHA256 ? "RSA-OAEP-256" : "RSA1_5", encryptedKey: encrypted)
        case .mlkem768(let key):
            let encapsulated = try key.encapsulate()
            let wrapping = try PostQuantumKDF.derive(encapsulated.sharedSecret)
            return WrappedKey(
                algorithm: PostQuantumKDF.algorithm, parameters: ",\"ek\":\"\(encapsulated.encapsulated.base64URL)\"",
                encryptedKey: try AES.KeyWrap.wrap(contentKey, using: wrapping))
        }
    }

    /// ECDH-ES+A256KW. Source: RFC 7518, section 4.6.
    private static func agreed<Curve: PrimeCurve>(
        _ contentKey: SymmetricKey, _ key: ECPublicKey<Curve, ECDH>
    ) throws(CryptoError) -> WrappedKey {
        let ephemeral = ECPrivateKey<Curve, ECDH>()
        let algorithm = "ECDH-ES+A256KW"
        let wrapping = ConcatenationKDF.derive(
            try ephemeral.sharedSecretFromKeyAgreement(with: key), algorithm: algorithm, byteCount: 32)
        let members = ephemeral.publicKey.jwkMembers.map { "\"\($0.name)\":\"\($0.value)\"" }
        return WrappedKey(
            algorithm: algorithm, parameters: ",\"epk\":{\(members.joined(separator: ","))}",
            encryptedKey: try AES.KeyWrap.wrap(contentKey, using: wrapping))
    }
}
