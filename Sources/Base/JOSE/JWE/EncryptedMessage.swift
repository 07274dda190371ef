public import Bytes
import Crypto
import Formats

/// A JWE, encrypted with AES-GCM to one key. Source: RFC 7516.
public struct EncryptedMessage: Sendable, Hashable {
    /// The protected header in base64url: the additional authenticated data. The guests' library re-encodes it before it
    /// verifies the tag, with the members `alg`, `enc`, then the others sorted.
    public let protected: String
    public let encryptedKey: [UInt8]
    /// 12 bytes.
    public let initializationVector: [UInt8]
    public let ciphertext: [UInt8]
    /// 16 bytes.
    public let tag: [UInt8]
}

extension EncryptedMessage {
    /// Encrypts a secret with a new content key, which is wrapped for the recipient.
    ///
    /// - Parameter resource: the secret's path, for the protected header (`resource`).
    /// - Throws: ``JOSEError`` when libcrypto fails.
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
        plainObject([
            ("protected", protected), ("encrypted_key", encryptedKey.base64URL), ("iv", initializationVector.base64URL),
            ("ciphertext", ciphertext.base64URL), ("tag", tag.base64URL),
        ])
    }
}

/// A content key, wrapped for its recipient.
private struct WrappedKey {
    let algorithm: String
    /// Members of the header after `alg` and `enc`, as JSON, sorted.
    var parameters = ""
    let encryptedKey: [UInt8]

    /// The protected header. `ek` and `epk` precede `resource` in its order.
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
        return WrappedKey(
            algorithm: algorithm, parameters: ",\"epk\":\(plainObject(ephemeral.publicKey.jwkMembers))",
            encryptedKey: try AES.KeyWrap.wrap(contentKey, using: wrapping))
    }
}
