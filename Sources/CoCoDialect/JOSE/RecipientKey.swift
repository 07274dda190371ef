public import Broker
import Crypto
import CryptoExtras
import Evidence
import Foundation
import JSONWebTokens

/// A guest's public key, to which what it is given is encrypted.
///
/// Source: RFC 7517 and 7518, section 6; draft-ietf-jose-pqc-kem for ML-KEM.
public struct RecipientKey: Sendable {
    /// Which keys are taken.
    public struct Rules: Sendable, Hashable {
        /// RSAES-PKCS1-v1_5, which is broken where anyone can try ciphertexts on the holder of the key.
        public var allowsRSA1_5 = false

        public init() {}
    }

    enum Kind: Sendable {
        case p256(P256.KeyAgreement.PublicKey)
        case p521(P521.KeyAgreement.PublicKey)
        /// Big-endian numbers.
        case rsa(modulus: Data, exponent: Data, RSAPadding)
        case mlkem768(MLKEM768.PublicKey)
    }

    enum RSAPadding: Sendable {
        case oaep256
        case pkcs1
    }

    let kind: Kind
    /// The JWK as the guest sent it, in canonical form.
    public let json: String

    /// - Parameter json: a JWK.
    /// - Throws: a ``Refusal`` that says what is taken.
    public init(json: String, rules: Rules) throws(Refusal) {
        let value: JSONValue
        do { value = try StrictJSON.read(json.utf8) } catch { throw .key("it is not JSON") }
        try self.init(value, rules: rules)
    }

    init(_ jwk: JSONValue, rules: Rules) throws(Refusal) {
        guard jwk.members != nil else { throw .key("it is not an object") }
        // A guest that sends its private key is mistaken about more than this.
        guard jwk["d"] == nil, jwk["priv"] == nil else { throw .key("it has a private part") }
        try Self.checkMembers(jwk)
        do { json = try CanonicalJSON.text(jwk) } catch { throw .key(error.reason) }
        switch (jwk["kty"]?.text, jwk["alg"]?.text) {
        case ("EC", "ECDH-ES+A256KW"): kind = try Self.ellipticCurve(jwk)
        case ("RSA", "RSA-OAEP-256"): kind = try Self.rsa(jwk, .oaep256)
        case ("RSA", "RSA1_5"):
            guard rules.allowsRSA1_5 else {
                throw .key("RSA1_5 is not taken here: use RSA-OAEP-256, or have the operator set coco.allow_rsa1_5")
            }
            kind = try Self.rsa(jwk, .pkcs1)
        case ("AKP", "ML-KEM-768+A192KW"):
            guard let key = try? MLKEM768.PublicKey(rawRepresentation: try Self.bytes("pub", jwk)) else {
                throw .key("pub is not an ML-KEM-768 key (1,184 bytes)")
            }
            kind = .mlkem768(key)
        default:
            throw .key(
                "kty and alg must be EC with ECDH-ES+A256KW, RSA with RSA-OAEP-256, or AKP with ML-KEM-768+A192KW")
        }
    }

    /// All of it is kept, and goes into the token: nothing may be in it that is not looked at.
    private static func checkMembers(_ jwk: JSONValue) throws(Refusal) {
        for (name, value) in jwk.members ?? [:] {
            guard let longest = longestMembers[name] else {
                throw .key(
                    "it has a member that no key needs: \(longestMembers.keys.sorted().joined(separator: ", ")) are known"
                )
            }
            guard let text = value.text, text.utf8.count <= longest else {
                throw .key("\(name) is not a text of at most \(longest) bytes")
            }
        }
    }

    /// In bytes of text.
    private static let longestMembers = [
        "kty": 8, "alg": 32, "use": 8, "kid": 128, "crv": 8, "x": 88, "y": 88, "n": 684, "e": 8, "pub": 1_584,
    ]

    private static func bytes(_ member: String, _ jwk: JSONValue) throws(Refusal) -> Data {
        guard let text = jwk[member]?.text, let bytes = Data(base64URL: text), !bytes.isEmpty else {
            throw .key("\(member) is not base64url without padding")
        }
        return bytes
    }

    private static func ellipticCurve(_ jwk: JSONValue) throws(Refusal) -> Kind {
        let (x, y) = (try bytes("x", jwk), try bytes("y", jwk))
        switch jwk["crv"]?.text {
        case "P-256":
            // A point that is not on the curve is refused by the library.
            guard x.count == 32, y.count == 32, let key = try? P256.KeyAgreement.PublicKey(rawRepresentation: x + y)
            else { throw .key("x and y are no point of P-256 (32 bytes each)") }
            return .p256(key)
        case "P-521":
            guard x.count == 66, y.count == 66, let key = try? P521.KeyAgreement.PublicKey(rawRepresentation: x + y)
            else { throw .key("x and y are no point of P-521 (66 bytes each)") }
            return .p521(key)
        default: throw .key("crv must be P-256 or P-521")
        }
    }

    private static func rsa(_ jwk: JSONValue, _ padding: RSAPadding) throws(Refusal) -> Kind {
        let (n, e) = (try bytes("n", jwk), try bytes("e", jwk))
        // An exponent of more than four bytes is nobody's, and slow.
        guard n.count <= 512, e.count <= 4, let last = e.last, last & 1 == 1,
            let key = try? _RSA.Encryption.PublicKey(n: n, e: e), [2_048, 3_072, 4_096].contains(key.keySizeInBits)
        else { throw .key("n and e are no RSA key of 2,048, 3,072 or 4,096 bits") }
        return .rsa(modulus: n, exponent: e, padding)
    }
}

extension Refusal {
    fileprivate static func key(_ reason: String) -> Refusal {
        Refusal(.malformed, "The guest's key, tee-pubkey, cannot be used: \(reason).")
    }
}
