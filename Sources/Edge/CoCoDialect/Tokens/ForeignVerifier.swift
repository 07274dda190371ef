package import Broker
package import Bytes
package import FoundationEssentials
package import JSONWebTokens

/// A verifier of others whose tokens are taken, and what an operator knows of it.
package struct ForeignVerifier: Sendable {
    package let tokens: TokenVerifier
    package let assumptions: ForeignAssumptions
    /// How long after its making (`iat`) a token is taken, in seconds, whatever its `exp`.
    package let greatestAge: TimeInterval

    package init(
        _ tokens: TokenVerifier, assuming assumptions: ForeignAssumptions = ForeignAssumptions(),
        greatestAge: TimeInterval
    ) {
        self.tokens = tokens
        self.assumptions = assumptions
        self.greatestAge = greatestAge
    }

    package var issuer: ExactText { tokens.rules.issuer }
}
