public import Broker
public import Bytes
import Crypto
import Formats
public import FoundationEssentials
import JOSE

/// Ed25519 keys of operators, whose JWTs are taken without an identity provider: `kbs-client … --auth-private-key` and
/// coco_keyprovider sign such ones. They name no issuer, audience or key.
///
/// So a JWT is good wherever its key is taken, for as long as it says, and what it allows is what its key allows. Keys
/// are withdrawn by taking them out of the settings.
public struct OperatorKeys: Sendable {
    private struct Key: Sendable {
        let key: VerificationKey
        let thumbprint: String
        let role: Authority
    }

    private var keys: [Key] = []

    /// How far in the future a JWT may expire, in seconds: as its clients make them.
    static let longestToken: TimeInterval = 7_200
    /// For clocks that differ, in seconds.
    private static let leeway: TimeInterval = 30

    public init() {}

    public var isEmpty: Bool { keys.isEmpty }

    /// Takes a key's JWTs from now on.
    ///
    /// - Parameter pem: a file with one `PUBLIC KEY`.
    /// - Throws: ``MalformedInput`` that says what it is instead.
    public mutating func add(pem file: [UInt8], role: Authority) throws(MalformedInput) {
        let documents = try PEMDocument.read(file)
        guard documents.count == 1, let document = documents.first, ExactText(document.label) == "PUBLIC KEY" else {
            let found =
                documents.isEmpty ? "nothing in PEM" : documents.prefix(4).map(\.label).joined(separator: ", ")
            throw MalformedInput("operator key", "the file holds \(found), and one PUBLIC KEY (Ed25519, PEM) is wanted")
        }
        let key: Curve25519.Signing.PublicKey
        do { key = try Curve25519.Signing.PublicKey(derRepresentation: document.der) } catch {
            throw MalformedInput("operator key", "it is no Ed25519 public key (openssl pkey -pubout writes one)")
        }
        keys.append(
            Key(
                key: VerificationKey(key, id: nil),
                thumbprint: Hex.encode(SHA256.hash(data: key.rawRepresentation).prefix(8)), role: role))
    }

    /// - Returns: whose JWT it is; `nil` when none of these keys has signed it.
    /// - Throws: a ``Refusal`` for one that a key has signed and that is not good now.
    public func caller(_ text: String, at time: Date) throws(Refusal) -> Operator? {
        guard !keys.isEmpty, let token = try? CompactJWS(text) else { return nil }
        for key in keys {
            guard let payload = try? token.payload(signedBy: key.key) else { continue }
            do throws(JOSEError) {
                let expiry = try JWTClaims(payload).checkTimes(leeway: Self.leeway, at: time)
                guard expiry <= time.timeIntervalSince1970 + Self.longestToken + Self.leeway else {
                    throw .refusedClaims("A JWT of an operator's key may expire in two hours at the latest (exp).")
                }
            } catch { throw Refusal(.unauthenticated, error.description) }
            return Operator(.operatorKey(key.thumbprint), key.role)
        }
        return nil
    }
}
