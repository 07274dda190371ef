import Broker
import Bytes
import Formats
package import FoundationEssentials
import JOSE
package import JSONWebTokens

/// Identifies operators by an issuer's JWTs.
package struct JWTVerifier: Sendable {
    private let issuer: JWTIssuer
    private let verifier: TokenVerifier

    package init(_ issuer: JWTIssuer, keys: JWTKeySource) {
        self.issuer = issuer
        verifier = TokenVerifier(.init(issuer: issuer.issuer, audience: issuer.audience), keys: keys)
    }

    /// - Returns: the token's subject as an operator.
    /// - Throws: a ``Refusal``.
    package func caller(_ text: String, at time: Date) async throws -> Operator {
        let claims = try await verifier.claims(of: text, at: time)
        let authorities = claims.list(issuer.roleClaim).compactMap(issuer.authority)
        guard !authorities.isEmpty else {
            throw Refusal(
                .forbidden, "The JWT's claim \(issuer.roleClaim) names no role (registrar, auditor or admin).")
        }
        return Operator(.jwt(issuer: issuer.issuer.text, subject: claims["sub"]?.asText ?? "?"), authorities)
    }
}
