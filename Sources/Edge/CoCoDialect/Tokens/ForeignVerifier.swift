package import Broker
package import Bytes
package import FoundationEssentials
package import JSONWebTokens

/// Another verifier whose tokens are accepted, with the operator's assumptions about it.
package struct ForeignVerifier: Sendable {
    package let tokens: TokenVerifier
    package let assumptions: ForeignAssumptions
    /// Greatest age of a token, from its `iat`, in seconds, whatever its `exp`.
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
