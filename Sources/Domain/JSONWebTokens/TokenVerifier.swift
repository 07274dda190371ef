package import Broker
package import Bytes
package import FoundationEssentials
package import JOSE

/// Verifies the JWTs of one issuer with the keys that it publishes.
///
/// Nothing in a token is trusted before its signature is verified. Its header only selects which of the issuer's keys
/// to try: a key inside the token (`jwk`, `x5c`) proves nothing.
package struct TokenVerifier: Sendable {
    /// Requirements on tokens.
    package struct Rules: Sendable {
        /// `iss`.
        package var issuer: ExactText
        /// Required in `aud`; `nil`: `aud` is not checked.
        package var audience: ExactText?
        /// Longest token and header.
        package var limits = CompactJWS.Limits(bytes: 8_192, header: 1_024)
        /// Which of the issuer's keys verify a token without `kid`.
        package var keyless = Keyless.onlyKey

        package enum Keyless: Sendable {
            /// The issuer's only key for the token's algorithm; with several keys `kid` is required.
            case onlyKey
            /// Any key for the token's algorithm.
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

    /// - Returns: the claims of a genuine and valid token.
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
    /// Parses a caller's token.
    ///
    /// - Throws: a ``Refusal`` unless it is a well-formed JWT within the limits.
    package init(refusing text: String, limits: Limits) throws(Refusal) {
        do { self = try CompactJWS(text, limits: limits) } catch {
            throw Refusal(.unauthenticated, error.description)
        }
    }
}
