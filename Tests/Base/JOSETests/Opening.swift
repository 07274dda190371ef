import Bytes
import Crypto
import Formats

@testable import JOSE

/// It is encrypted to another key, or was changed.
struct NotOpened: Error {}

/// What guests do with it.
extension EncryptedMessage {
    /// Reads the flattened JSON form.
    ///
    /// - Throws: ``JOSEError/malformed(_:)``, also for members that could say more than the protected header does.
    init(json text: String) throws(JOSEError) {
        let names = ["protected", "encrypted_key", "iv", "ciphertext", "tag"]
        guard let message = try? JSON(Array(text.utf8)), message.asMembers?.count == names.count else {
            throw Self.unreadable
        }
        var parts: [String] = []
        for name in names {
            guard let part = message[name]?.asText else { throw Self.unreadable }
            parts.append(part)
        }
        try self.init(parts)
    }

    /// Reads the compact form. Source: section 7.1.
    ///
    /// - Throws: ``JOSEError/malformed(_:)``.
    init(compact text: String) throws(JOSEError) {
        try self.init(text.split(separator: ".", omittingEmptySubsequences: false).map(String.init))
    }

    private init(_ parts: [String]) throws(JOSEError) {
        guard parts.count == 5, let key = Base64.decodeURL(parts[1]), let vector = Base64.decodeURL(parts[2]),
            let ciphertext = Base64.decodeURL(parts[3]), let tag = Base64.decodeURL(parts[4])
        else { throw Self.unreadable }
        self.init(
            protected: parts[0], encryptedKey: key, initializationVector: vector, ciphertext: ciphertext, tag: tag)
    }

    fileprivate static var unreadable: JOSEError { .malformed("The JWE cannot be read.") }

    /// The secret in it. Source: RFC 7516, section 5.2.
    ///
    /// The header's `alg` must be the key's, and `enc` one of AES-GCM's. What else is wrong is one error: whoever sends
    /// messages learns nothing from it.
    ///
    /// - Throws: ``JOSEError/malformed(_:)`` and ``JOSEError/otherAlgorithm``, which the header alone decides;
    ///   ``NotOpened``.
    func open(with key: DecryptionKey) throws -> Secret {
        guard let text = Base64.decodeURL(protected), let header = try? JSON(text), header.kind == .object else {
            throw Self.unreadable
        }
        guard header["crit"] == nil, header["zip"] == nil else {
            throw JOSEError.malformed("The JWE has extensions, which are not understood here.")
        }
        guard let alg = header["alg"]?.asText, ExactText(alg) == key.algorithm, let enc = header["enc"]?.asText,
            let size = Self.sizes[ExactText(enc)]
        else {
            throw JOSEError.otherAlgorithm
        }
        do {
            let contentKey = try key.unwrap(encryptedKey, header, byteCount: size)
            guard contentKey.bitCount == size * 8 else { throw CryptoError.authenticationFailure }
            let box = try AES.GCM.SealedBox(
                nonce: AES.GCM.Nonce(data: initializationVector), ciphertext: ciphertext, tag: tag)
            var plain = try AES.GCM.open(box, using: contentKey, authenticating: protected.utf8)
            return Secret(wiping: &plain)
        } catch let error as JOSEError { throw error } catch { throw NotOpened() }
    }

    /// Of the content key, in bytes, by `enc`.
    private static let sizes: [ExactText: Int] = ["A128GCM": 16, "A192GCM": 24, "A256GCM": 32]
}

extension DecryptionKey {
    fileprivate func unwrap(_ encryptedKey: [UInt8], _ header: JSON, byteCount: Int) throws -> SymmetricKey {
        switch kind {
        case .p256(let key): return try Self.agreed(key, encryptedKey, header)
        case .p521(let key): return try Self.agreed(key, encryptedKey, header)
        case .rsa(let key, .PKCS1_OAEP_SHA256):
            var contentKey = try key.decrypt(encryptedKey, padding: .PKCS1_OAEP_SHA256)
            return SymmetricKey(Secret(wiping: &contentKey))
        case .rsa(let key, .insecurePKCS1v1_5):
            // Section 11.5: a random key in the place of one with bad padding, so that both fail at the tag.
            let random = SymmetricKey(size: .init(bitCount: byteCount * 8))
            guard var contentKey = try? key.decrypt(encryptedKey, padding: .insecurePKCS1v1_5),
                contentKey.count == byteCount
            else { return random }
            return SymmetricKey(Secret(wiping: &contentKey))
        case .mlkem768(let key):
            guard let sent = header["ek"]?.asText.flatMap({ Base64.decodeURL($0) }) else {
                throw EncryptedMessage.unreadable
            }
            return try AES.KeyWrap.unwrap(encryptedKey, using: try PostQuantumKDF.derive(try key.decapsulate(sent)))
        }
    }

    /// ECDH-ES+A256KW. Source: RFC 7518, section 4.6.
    private static func agreed<Curve: PrimeCurve>(
        _ key: ECPrivateKey<Curve, ECDH>, _ encryptedKey: [UInt8], _ header: JSON
    ) throws -> SymmetricKey {
        guard let epk = header["epk"] else { throw EncryptedMessage.unreadable }
        let members = try KeyMembers(epk)
        guard members["kty"] == "EC", members["crv"] == ExactText(Curve.curve.name) else {
            throw EncryptedMessage.unreadable
        }
        let point: ECPublicKey<Curve, ECDH> = try members.point()
        func party(_ name: String) throws -> [UInt8] {
            guard let value = header[name] else { return [] }
            guard let bytes = value.asText.flatMap({ Base64.decodeURL($0) }) else { throw EncryptedMessage.unreadable }
            return bytes
        }
        let wrapping = ConcatenationKDF.derive(
            try key.sharedSecretFromKeyAgreement(with: point), algorithm: "ECDH-ES+A256KW", partyU: try party("apu"),
            partyV: try party("apv"), byteCount: 32)
        return try AES.KeyWrap.unwrap(encryptedKey, using: wrapping)
    }
}
