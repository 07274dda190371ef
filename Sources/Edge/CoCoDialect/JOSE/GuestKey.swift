import Broker
import Formats
import JOSE

extension RecipientKey {
    /// Reads a guest's key, from the guest itself or from a verifier's token.
    ///
    /// - Throws: a ``Refusal`` that lists the accepted kinds.
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
