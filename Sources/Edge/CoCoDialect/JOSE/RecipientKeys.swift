import Broker
import Concurrency
import JOSE

/// Keys of guests that have attested lately, each of which is read once: whether its point lies on the curve takes longer
/// to find out than to encrypt to it.
final class RecipientKeys: Sendable {
    private let rules: RecipientKey.Rules
    private let known = BoundedCache<[UInt8], RecipientKey>(capacity: 128)

    init(_ rules: RecipientKey.Rules) { self.rules = rules }

    /// The guest will ask for what is encrypted to it.
    func remember(_ key: RecipientKey) { known[Array(key.json.utf8)] = key }

    /// - Parameter json: a JWK, as the broker keeps it.
    /// - Throws: a ``Refusal`` that says what is taken.
    func key(_ json: String) throws(Refusal) -> RecipientKey {
        if let key = known[Array(json.utf8)] { return key }
        return try RecipientKey(refusing: json, rules: rules)
    }
}
