public import Evidence
public import FoundationEssentials

/// The effect of a draft on guests whose attempts are stored: which lose access, gain it, or keep it.
public struct PolicyImpact: Sendable {
    public enum Change: String, Sendable, Hashable, CaseIterable, Codable {
        case lost, gained, kept
        /// Refused before and after.
        case refused
    }

    /// Guests with the same claims: one image on one machine, as a rule, however often it was launched.
    public struct Guest: Sendable {
        public let claims: GuestClaims
        public let change: Change
        /// The draft's failed checks.
        public let failures: [Check]
        /// The number of attempts.
        public internal(set) var count: Int
        /// The id of the latest attempt.
        public let attempt: Int64
        public let last: Date
    }

    /// Guests that lose access first, then those that gain it.
    public let guests: [Guest]
    /// Rules that were left out, since attempts do not store the claims they are about.
    public let passedOver: [String]
    /// Whether older attempts were left out: there are more than the limit.
    public let isCut: Bool

    public subscript(change: Change) -> Int { guests.count { $0.change == change } }
}

/// A change of a policy or of the settings that is not made yet.
public enum PolicyDraft: Sendable {
    /// - Parameters:
    ///   - references: the sets of reference values that the policy names, as far as they exist.
    ///   - replacing: the policy in force under the same name; `nil` when there is none.
    case policy(Policy, references: ReferenceValues, replacing: PolicyInForce?)
    /// The server's settings, which hold for all guests.
    case server(AppraisalPolicy)
}

extension Broker {
    /// Evaluates a draft on the claims of stored attempts with genuine evidence. Nothing is changed.
    public func impact(of draft: PolicyDraft, since start: Date) async throws -> PolicyImpact {
        let time = now()
        var seen: [Claims: PolicyImpact.Guest] = [:]
        let isCut = try await eachAttempt(since: start) { attempt in
            guard let claims = attempt.claims.flatMap({ try? GuestClaims(json: $0) }) else { return }
            let key = claims.evidence.ofEachLaunch
            guard seen[key] == nil else {
                seen[key]?.count += attempt.repeats.count
                return
            }
            let (change, failures) = change(draft, claims, at: time)
            seen[key] = PolicyImpact.Guest(
                claims: claims, change: change, failures: failures, count: attempt.repeats.count,
                attempt: attempt.id, last: attempt.repeats.last ?? attempt.time)
        }
        let rank: [PolicyImpact.Change: Int] = [.lost: 0, .gained: 1, .kept: 2, .refused: 3]
        return PolicyImpact(
            guests: seen.values.sorted { a, b in
                (rank[a.change] ?? 4, b.last) < (rank[b.change] ?? 4, a.last)
            }, passedOver: draft.passedOver, isCut: isCut)
    }

    private func change(
        _ draft: PolicyDraft, _ claims: GuestClaims, at time: Date
    ) -> (PolicyImpact.Change, failures: [Check]) {
        let (before, after): (Verdict?, Verdict)
        switch draft {
        case .policy(let policy, let references, let replaced):
            before = replaced?.policy.withoutUnkept.evaluate(
                claims, references: replaced?.references ?? [:], under: self.policy, at: time)
            after = policy.withoutUnkept.evaluate(claims, references: references, under: self.policy, at: time)
        case .server(let server):
            before = self.policy.evaluate(claims, at: time)
            after = server.evaluate(claims, at: time)
        }
        let change: PolicyImpact.Change =
            switch (before?.isAccepted ?? false, after.isAccepted) {
            case (true, true): .kept
            case (true, false): .lost
            case (false, true): .gained
            case (false, false): .refused
            }
        return (change, after.failures)
    }
}

extension PolicyDraft {
    fileprivate var passedOver: [String] {
        guard case .policy(let policy, _, _) = self else { return [] }
        return [
            policy.initData.isEmpty ? nil : "init_data", policy.containerImages == nil ? nil : "container_images",
            policy.agentPolicyRules == nil ? nil : "agent_policy_rules",
            policy.agentPolicyClaims.isEmpty ? nil : "agent_policy_claims",
            policy.agentDecision == nil ? nil : "agent_decision",
        ].compactMap(\.self)
    }
}

extension Policy {
    /// The policy without its rules over init data, which attempts do not store.
    fileprivate var withoutUnkept: Policy {
        var policy = self
        policy.initData = [:]
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }
}
