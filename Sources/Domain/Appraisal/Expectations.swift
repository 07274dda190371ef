public import Evidence
public import FoundationEssentials

/// The rules for evidence before any release policy: the server's and a registration's.
public struct Expectations: Sendable, Hashable {
    /// The server's settings.
    public var server: Rules
    /// Empty without a registration: in `kbs verify`, and for guests that name no workload.
    public var registration: Rules

    public init(server: Rules = Rules(), registration: Rules = Rules()) {
        (self.server, self.registration) = (server, registration)
    }
}

extension Expectations {
    /// Evaluates the rules on claims that are already proven.
    public func verdict(on claims: Claims, at time: Date) -> Verdict {
        Verdict(of: RuleInput(claims, origin: .registration, own: registration, server: server, at: time).requirements)
    }
}

extension Attestation {
    /// Evaluates all checks: whether the evidence is genuine, bound to this exchange, and acceptable.
    ///
    /// - Parameter explains: whether the verdict explains why none of the offered endorsements vouches for the
    ///   evidence.
    public func verify(
        by endorsement: Endorsement?, explaining explains: Bool = false, _ exchange: Exchange,
        expecting expectations: Expectations
    ) -> (verdict: Verdict, claims: Claims) {
        let claims = claims(by: endorsement)
        let server = expectations.server
        let question = RuleInput(
            claims, origin: .registration, own: expectations.registration,
            server: endorsement == nil ? Vocabulary.of(tee).decidable(server, claims) : server, at: exchange.time)
        return (
            verify(by: endorsement, explaining: explains, exchange).holding(to: question.requirements), claims
        )
    }
}
