public import Crypto
public import Foundation

/// A guest's key pair, and how its library opens what is encrypted to it. Source: RFC 7516 and RFC 7518,
/// section 4.6, and Trustee's kbs/docs/kbs_attestation_protocol.md for the header that is written again.
public enum GuestComponentKey: Sendable {
    case p256(P256.KeyAgreement.PrivateKey)
    case p521(P521.KeyAgreement.PrivateKey)
    case rsa(RSA.Encryption.PrivateKey)

    public static var elliptic: GuestComponentKey { .p256(P256.KeyAgreement.PrivateKey()) }
    public static var large: GuestComponentKey { .p521(P521.KeyAgreement.PrivateKey()) }
    public static func rsa() throws -> GuestComponentKey {
        .rsa(try RSA.Encryption.PrivateKey(keySize: .bits2048))
    }

    public struct Unreadable: Error, CustomStringConvertible {
        public let description: String
    }

    /// The public key.
    public var jwk: [String: String] {
        get throws {
            switch self {
            case .p256(let key): Self.ec("P-256", key.publicKey.rawRepresentation)
            case .p521(let key): Self.ec("P-521", key.publicKey.rawRepresentation)
            case .rsa(let key):
                [
                    "kty": "RSA", "alg": "RSA-OAEP-256", "n": Self.text(key.publicKey.modulus),
                    "e": Self.text(key.publicKey.publicExponent),
                ]
            }
        }
    }

    private static func ec(_ curve: String, _ point: [UInt8]) -> [String: String] {
        [
            "kty": "EC", "crv": curve, "alg": "ECDH-ES+A256KW", "x": text(Array(point.prefix(point.count / 2))),
            "y": text(Array(point.suffix(point.count / 2))),
        ]
    }

    /// Opens a flattened JWE as the guest's library does: the header is read and written again, and *that* is the AAD.
    public func open(_ json: Data) throws -> [UInt8] {
        guard let message = try JSONSerialization.jsonObject(with: json) as? [String: String],
            let header = try JSONSerialization.jsonObject(with: Self.bytes(message["protected"])) as? [String: Any]
        else { throw Unreadable(description: "this is no flattened JWE") }
        guard header["enc"] as? String == "A256GCM" else { throw Unreadable(description: "another enc") }
        let contentKey = try unwrap(try Self.bytes(message["encrypted_key"]), header)
        let box = try AES.GCM.SealedBox(
            nonce: AES.GCM.Nonce(data: Self.bytes(message["iv"])), ciphertext: Self.bytes(message["ciphertext"]),
            tag: Self.bytes(message["tag"]))
        let written = Self.text(Data(try Self.rewritten(header).utf8))
        return Array(try AES.GCM.open(box, using: contentKey, authenticating: Data(written.utf8)))
    }

    /// `alg`, `enc`, then the other members with their names sorted, compactly.
    private static func rewritten(_ header: [String: Any]) throws -> String {
        func json(_ value: Any) throws -> String {
            String(
                decoding: try JSONSerialization.data(
                    withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed]),
                as: UTF8.self)
        }
        let names = ["alg", "enc"] + header.keys.filter { !["alg", "enc"].contains($0) }.sorted()
        return try "{" + names.map { try "\"\($0)\":" + json(header[$0] ?? NSNull()) }.joined(separator: ",") + "}"
    }

    private func unwrap(_ wrapped: Data, _ header: [String: Any]) throws -> SymmetricKey {
        let algorithm = header["alg"] as? String
        func point() throws -> Data {
            let key = header["epk"] as? [String: String]
            return try Self.bytes(key?["x"]) + Self.bytes(key?["y"])
        }
        switch (self, algorithm) {
        case (.p256(let key), "ECDH-ES+A256KW"):
            let shared = try key.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: point()))
            return try AES.KeyWrap.unwrap(wrapped, using: Self.agreed(shared.withUnsafeBytes { Data($0) }))
        case (.p521(let key), "ECDH-ES+A256KW"):
            let shared = try key.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: point()))
            return try AES.KeyWrap.unwrap(wrapped, using: Self.agreed(shared.withUnsafeBytes { Data($0) }))
        case (.rsa(let key), "RSA-OAEP-256"):
            return SymmetricKey(data: try key.decrypt(wrapped, padding: .PKCS1_OAEP_SHA256))
        default: throw Unreadable(description: "it is encrypted with \(algorithm ?? "nothing")")
        }
    }

    /// RFC 7518, section 4.6.2.
    private static func agreed(_ shared: Data) -> SymmetricKey {
        let name = "ECDH-ES+A256KW"
        var input = Data([0, 0, 0, 1]) + shared + Data([0, 0, 0, UInt8(name.utf8.count)]) + Data(name.utf8)
        input += Data([0, 0, 0, 0, 0, 0, 0, 0]) + Data([0, 0, 1, 0])
        return SymmetricKey(data: SHA256.hash(data: input))
    }

    static func text(_ data: some DataProtocol) -> String {
        Data(data).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    static func bytes(_ text: String?) throws -> Data {
        let digits = (text ?? "").replacing("-", with: "+").replacing("_", with: "/")
        guard text != nil,
            let data = Data(base64Encoded: digits + String(repeating: "=", count: (4 - digits.count % 4) % 4))
        else { throw Unreadable(description: "this is no base64url") }
        return data
    }
}
