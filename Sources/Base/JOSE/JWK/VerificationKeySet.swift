public import Bytes
import Formats

/// The keys that an issuer publishes: a JWK Set. Source: RFC 7517, section 5.
public struct VerificationKeySet: Sendable {
    /// In the order in which they stand there.
    public let keys: [VerificationKey]
    /// How many more there are, of kinds that are not known here, for another use, or not usable.
    public let unused: Int

    /// How many keys are taken from a set.
    private static let mostKeys = 256

    /// Keys that cannot be used keep no other from being used.
    ///
    /// - Throws: ``JOSEError/malformed(_:)`` for what is no set of keys.
    public init(json text: [UInt8]) throws(JOSEError) {
        guard let json = try? JSON(text), let entries = json["keys"]?.asArray else {
            throw .malformed("It is no JWK Set: a JSON object with an array \"keys\".")
        }
        guard entries.count <= Self.mostKeys else {
            throw .malformed("The JWK Set has \(entries.count) keys, more than \(Self.mostKeys).")
        }
        keys = entries.compactMap { try? VerificationKey(jwk: $0) }
        unused = entries.count - keys.count
    }

    /// Those that have an id. Two may have one and the same, with different algorithms.
    public func keys(named id: ExactText) -> [VerificationKey] { keys.filter { $0.id == id } }
}
