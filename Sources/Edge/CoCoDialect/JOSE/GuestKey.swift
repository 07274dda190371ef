import Broker
import Formats
import JOSE

extension RecipientKey {
    /// Reads the key that a guest sent, or that a verifier says is a guest's.
    ///
    /// - Throws: a ``Refusal`` that says what is taken.
    init(refusing jwk: JSON, rules: Rules) throws(Refusal) {
        do { try self.init(jwk, rules: rules) } catch { throw Refusal(key: error) }
    }

    /// - Parameter json: a JWK.
    init(refusing json: String, rules: Rules) throws(Refusal) {
        do { try self.init(json: json, rules: rules) } catch { throw Refusal(key: error) }
    }
}

extension Refusal {
    fileprivate init(key error: JOSEError) {
        let reason = if case .unusableKey(let reason) = error { reason } else { error.description }
        self.init(.malformed, "The guest's key, tee-pubkey, cannot be used: \(reason).")
    }
}
