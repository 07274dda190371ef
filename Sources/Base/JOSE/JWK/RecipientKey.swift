import Bytes
import Crypto
public import Formats

/// A guest's public key, for the encryption of its secrets.
///
/// Source: RFC 7517 and 7518, section 6; draft-ietf-jose-pqc-kem for ML-KEM.
public struct RecipientKey: Sendable {
    /// The accepted keys.
    public struct Rules: Sendable, Hashable {
        /// RSAES-PKCS1-v1_5, which is broken when attackers can have chosen texts decrypted.
        public var allowsRSA1_5 = false

        public init() {}
    }

    enum Kind: Sendable {
        case p256(P256.KeyAgreement.PublicKey)
        case p521(P521.KeyAgreement.PublicKey)
        case rsa(RSA.Encryption.PublicKey, RSA.Encryption.Padding)
        case mlkem768(MLKEM768.PublicKey)
    }

    let kind: Kind
    /// The guest's JWK in canonical form.
    public let json: String

    /// - Parameter json: a JWK.
    /// - Throws: ``JOSEError/unusableKey(_:)``, with the accepted forms.
    public init(json: String, rules: Rules) throws(JOSEError) {
        let value: JSON
        do { value = try JSON(Array(json.utf8)) } catch { throw .unusableKey("it is not JSON") }
        try self.init(value, rules: rules)
    }

    public init(_ jwk: JSON, rules: Rules) throws(JOSEError) {
        let members = try KeyMembers(jwk)
        // A key whose private part was sent is compromised.
        guard jwk["d"] == nil, jwk["priv"] == nil else { throw .unusableKey("it has a private part") }
        try Self.checkMembers(jwk)
        do { json = try CanonicalJSON.text(JSONValue(jwk)) } catch { throw .unusableKey(error.reason) }
        switch (members["kty"], members["alg"]) {
        case ("EC", "ECDH-ES+A256KW"): kind = try Self.ellipticCurve(members)
        case ("RSA", "RSA-OAEP-256"): kind = .rsa(try Self.rsa(members), .PKCS1_OAEP_SHA256)
        case ("RSA", "RSA1_5"):
            guard rules.allowsRSA1_5 else {
                throw .unusableKey(
                    "RSA1_5 is not accepted: use RSA-OAEP-256, or have the operator set coco.allow_rsa1_5")
            }
            kind = .rsa(try Self.rsa(members), .insecurePKCS1v1_5)
        case ("AKP", "ML-KEM-768+A192KW"): kind = .mlkem768(try Self.mlkem(members))
        default:
            throw .unusableKey(
                "kty and alg must be EC with ECDH-ES+A256KW, RSA with RSA-OAEP-256, or AKP with ML-KEM-768+A192KW")
        }
    }

    /// Refuses unknown and long members: the whole JWK is stored, and copied into the token.
    private static func checkMembers(_ jwk: JSON) throws(JOSEError) {
        for (name, value) in jwk.asMembers ?? [] {
            guard let longest = longestMembers[name] else {
                throw .unusableKey(
                    "it has a member that no key needs: \(longestMembers.keys.sorted().map(\.text).joined(separator: ", ")) are known"
                )
            }
            guard let text = value.asText, text.utf8.count <= longest else {
                throw .unusableKey("\(name) is not a text of at most \(longest) bytes")
            }
        }
    }

    /// The members, with their longest values in bytes.
    private static let longestMembers: [ExactText: Int] = [
        "kty": 8, "alg": 32, "use": 8, "kid": 128, "crv": 8, "x": 88, "y": 88, "n": 684, "e": 8, "pub": 1_584,
    ]

    private static func ellipticCurve(_ members: KeyMembers) throws(JOSEError) -> Kind {
        switch members["crv"] {
        case "P-256": .p256(try members.point())
        case "P-521": .p521(try members.point())
        default: throw .unusableKey("crv must be P-256 or P-521")
        }
    }

    private static func rsa(_ members: KeyMembers) throws(JOSEError) -> RSA.Encryption.PublicKey {
        let (n, e) = (try members.bytes("n"), try members.bytes("e"))
        // A long exponent is slow, and not in use.
        guard n.count <= 512, e.count <= 4, let key = try? RSA.Encryption.PublicKey(n: n, e: e),
            [2_048, 3_072, 4_096].contains(key.keySizeInBits)
        else { throw .unusableKey("n and e are no RSA key of 2,048, 3,072 or 4,096 bits") }
        return key
    }

    private static func mlkem(_ members: KeyMembers) throws(JOSEError) -> MLKEM768.PublicKey {
        let bytes = try members.bytes("pub")
        do { return try MLKEM768.PublicKey(rawRepresentation: bytes) } catch {
            if case .unavailable(let reason) = error { throw .unusableKey(reason) }
            throw .unusableKey("pub is not an ML-KEM-768 key (1,184 bytes)")
        }
    }
}
