import Broker
import Bytes
import Concurrency
import JOSE

/// A cache of the keys of guests that attested recently: checking that a key's point lies on the curve takes longer
/// than encrypting to it.
final class RecipientKeys: Sendable {
    private let rules: RecipientKey.Rules
    private let known = BoundedCache<ExactText, RecipientKey>(capacity: 128)

    init(_ rules: RecipientKey.Rules) { self.rules = rules }

    /// Caches a key; its guest will soon ask for a resource.
    func remember(_ key: RecipientKey) { known[ExactText(key.json)] = key }

    /// - Parameter json: a JWK, as stored by the broker.
    /// - Throws: a ``Refusal`` that lists the accepted kinds.
    func key(_ json: String) throws(Refusal) -> RecipientKey {
        if let key = known[ExactText(json)] { return key }
        return try RecipientKey(refusing: json, rules: rules)
    }
}
