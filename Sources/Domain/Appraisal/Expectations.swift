public import Evidence
public import FoundationEssentials

/// What is acceptable of evidence, before any policy is asked: to the server, and to a registration.
public struct Expectations: Sendable, Hashable {
    /// The server's settings.
    public var server: Rules
    /// Nothing where nobody registered: `kbs verify`, and guests that name no workload.
    public var registration: Rules

    public init(server: Rules = Rules(), registration: Rules = Rules()) {
        (self.server, self.registration) = (server, registration)
    }
}

extension Expectations {
    /// What is acceptable of claims that were proven before.
    public func verdict(on claims: Claims, at time: Date) -> Verdict {
        Verdict(of: Question(claims, origin: .registration, own: registration, server: server, at: time).requirements)
    }
}

extension Attestation {
    /// Evaluates every check: whether the evidence is genuine, this exchange's, and acceptable.
    ///
    /// - Parameter explains: whether the verdict says why nothing that came along vouches for the evidence.
    public func verify(
        by endorsement: Endorsement?, explaining explains: Bool = false, _ exchange: Exchange,
        expecting expectations: Expectations
    ) -> (verdict: Verdict, claims: Claims) {
        let claims = claims(by: endorsement)
        let server = expectations.server
        let question = Question(
            claims, origin: .registration, own: expectations.registration,
            server: endorsement == nil ? Vocabulary.of(tee).decidable(server, claims) : server, at: exchange.time)
        return (
            verify(by: endorsement, explaining: explains, exchange).holding(to: question.requirements), claims
        )
    }
}
