public import Broker
public import Bytes
import Crypto
import Formats
public import FoundationEssentials
import JOSE

/// Ed25519 keys of operators, whose JWTs are accepted without an identity provider: `kbs-client … --auth-private-key`
/// and coco_keyprovider sign such JWTs, which name no issuer, audience or key.
///
/// So a JWT is valid at every server that accepts its key, until its own expiry, with the key's role. To withdraw a
/// key, remove it from the settings.
public struct OperatorKeys: Sendable {
    private struct Key: Sendable {
        let key: VerificationKey
        let thumbprint: String
        let role: Authority
    }

    private var keys: [Key] = []

    /// Greatest remaining lifetime of a JWT, in seconds: its clients make them so.
    static let longestToken: TimeInterval = 7_200
    /// Tolerance for differing clocks, in seconds.
    private static let leeway: TimeInterval = 30

    public init() {}

    public var isEmpty: Bool { keys.isEmpty }

    /// Accepts a key's JWTs.
    ///
    /// - Parameter pem: a file with one `PUBLIC KEY`.
    /// - Throws: ``MalformedInput`` with the actual content.
    public mutating func add(pem file: [UInt8], role: Authority) throws(MalformedInput) {
        let documents = try PEMDocument.read(file)
        guard documents.count == 1, let document = documents.first, ExactText(document.label) == "PUBLIC KEY" else {
            let found =
                documents.isEmpty ? "nothing in PEM" : documents.prefix(4).map(\.label).joined(separator: ", ")
            throw MalformedInput("operator key", "the file holds \(found), and one PUBLIC KEY (Ed25519, PEM) is wanted")
        }
        let key: Curve25519.Signing.PublicKey
        do { key = try Curve25519.Signing.PublicKey(derRepresentation: document.der) } catch {
            throw MalformedInput("operator key", "it is not an Ed25519 public key (openssl pkey -pubout writes one)")
        }
        keys.append(
            Key(
                key: VerificationKey(key, id: nil),
                thumbprint: Hex.encode(SHA256.hash(data: key.rawRepresentation).prefix(8)), role: role))
    }

    /// - Returns: the operator; `nil` if none of these keys has signed the JWT.
    /// - Throws: a ``Refusal`` for a JWT that is signed but not valid now.
    public func caller(_ text: String, at time: Date) throws(Refusal) -> Operator? {
        guard !keys.isEmpty, let token = try? CompactJWS(text) else { return nil }
        for key in keys {
            guard let payload = try? token.payload(signedBy: key.key) else { continue }
            do throws(JOSEError) {
                let expiry = try JWTClaims(payload).checkTimes(leeway: Self.leeway, at: time)
                guard expiry <= time.timeIntervalSince1970 + Self.longestToken + Self.leeway else {
                    throw .refusedClaims("A JWT of an operator's key must expire within two hours (exp).")
                }
            } catch { throw Refusal(.unauthenticated, error.description) }
            return Operator(.operatorKey(key.thumbprint), key.role)
        }
        return nil
    }
}
