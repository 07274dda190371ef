package import Broker
package import Bytes
package import FoundationEssentials
package import JOSE

/// Verifies the JWTs of one issuer with the keys that it publishes.
///
/// Nothing is believed of a token before its signature has been verified, and of its header never more than which of the
/// issuer's keys to try: a key that a token brings along (`jwk`, `x5c`) proves nothing.
package struct TokenVerifier: Sendable {
    /// What tokens must be like.
    package struct Rules: Sendable {
        /// `iss`.
        package var issuer: ExactText
        /// Must be in `aud`; `nil` when it is not looked at.
        package var audience: ExactText?
        /// How long a token and its header may be.
        package var limits = CompactJWS.Limits(bytes: 8_192, header: 1_024)
        /// Which of the issuer's keys may have signed a token without `kid`.
        package var keyless = Keyless.onlyKey

        package enum Keyless: Sendable {
            /// The one key that is for the token's algorithm; where there are more, `kid` must say which.
            case onlyKey
            /// Any key that is for the token's algorithm.
            case anyKey
        }

        package init(issuer: ExactText, audience: ExactText?) {
            (self.issuer, self.audience) = (issuer, audience)
        }
    }

    package let rules: Rules
    private let keys: JWTKeySource

    package init(_ rules: Rules, keys: JWTKeySource) {
        self.rules = rules
        self.keys = keys
    }

    /// - Returns: what a genuine and valid token says.
    /// - Throws: a ``Refusal``.
    package func claims(of text: String, at time: Date) async throws -> JWTClaims {
        let token = try CompactJWS(refusing: text, limits: rules.limits)
        let payload = try await verified(token)
        do {
            let claims = try JWTClaims(payload)
            try claims.check(.init(issuer: rules.issuer, audience: rules.audience), at: time)
            return claims
        } catch { throw Refusal(.unauthenticated, error.description) }
    }

    private func verified(_ token: CompactJWS) async throws -> [UInt8] {
        if let id = token.keyID {
            let keys = try await keys.keys(named: id)
            guard !keys.isEmpty else {
                throw Refusal(.unauthenticated, "The JWT is signed by a key that \(rules.issuer) does not publish.")
            }
            if let payload = Self.payload(token, keys) { return payload }
            throw Refusal(.unauthenticated, "The JWT is not signed by the key of \(rules.issuer) that it names.")
        }
        let candidates = try await keys.keys(for: token.algorithm)
        guard rules.keyless == .anyKey || candidates.count < 2 else {
            throw Refusal(
                .unauthenticated,
                "The JWT names no key, and \(rules.issuer) publishes more than one for \(token.algorithm.text.prefix(16)): "
                    + "it must have kid.")
        }
        if let payload = Self.payload(token, candidates) { return payload }
        throw Refusal(.unauthenticated, "The JWT is signed by none of the keys of \(rules.issuer).")
    }

    private static func payload(_ token: CompactJWS, _ keys: [VerificationKey]) -> [UInt8]? {
        for key in keys {
            if let payload = try? token.payload(signedBy: key) { return payload }
        }
        return nil
    }
}

extension CompactJWS {
    /// Reads a token that a caller sent.
    ///
    /// - Throws: a ``Refusal`` unless it is a JWT that can be read safely.
    package init(refusing text: String, limits: Limits) throws(Refusal) {
        do { self = try CompactJWS(text, limits: limits) } catch {
            throw Refusal(.unauthenticated, error.description)
        }
    }
}
