import Broker
import Bytes
import Concurrency
import JOSE

/// Keys of guests that have attested lately, each of which is read once: whether its point lies on the curve takes longer
/// to find out than to encrypt to it.
final class RecipientKeys: Sendable {
    private let rules: RecipientKey.Rules
    private let known = BoundedCache<ExactText, RecipientKey>(capacity: 128)

    init(_ rules: RecipientKey.Rules) { self.rules = rules }

    /// The guest will ask for what is encrypted to it.
    func remember(_ key: RecipientKey) { known[ExactText(key.json)] = key }

    /// - Parameter json: a JWK, as the broker keeps it.
    /// - Throws: a ``Refusal`` that says what is taken.
    func key(_ json: String) throws(Refusal) -> RecipientKey {
        if let key = known[ExactText(json)] { return key }
        return try RecipientKey(refusing: json, rules: rules)
    }
}
