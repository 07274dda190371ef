public import Bytes
import Formats

/// An issuer's published keys: a JWK Set. Source: RFC 7517, section 5.
public struct VerificationKeySet: Sendable {
    /// The usable keys, in their order.
    public let keys: [VerificationKey]
    /// The number of other keys: unsupported, for another use, or malformed.
    public let unused: Int

    private static let mostKeys = 256

    /// - Throws: ``JOSEError/malformed(_:)`` for a malformed set. Malformed keys are skipped.
    public init(json text: [UInt8]) throws(JOSEError) {
        guard let json = try? JSON(text), let entries = json["keys"]?.asArray else {
            throw .malformed("It is not a JWK Set: a JSON object with an array \"keys\".")
        }
        guard entries.count <= Self.mostKeys else {
            throw .malformed("The JWK Set has \(entries.count) keys, more than \(Self.mostKeys).")
        }
        keys = entries.compactMap { try? VerificationKey(jwk: $0) }
        unused = entries.count - keys.count
    }

    /// The keys with an id, which may be several of different algorithms.
    public func keys(named id: ExactText) -> [VerificationKey] { keys.filter { $0.id == id } }
}
