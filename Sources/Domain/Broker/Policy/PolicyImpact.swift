public import Evidence
public import FoundationEssentials

/// What a change would mean for the guests that were seen: who keeps what they have, who loses it, who newly gets in.
public struct PolicyImpact: Sendable {
    public enum Change: String, Sendable, Hashable, CaseIterable, Codable {
        case lost, gained, kept
        /// It is let in neither before nor after.
        case refused
    }

    /// Guests that state the same: one image on one machine, as a rule, however often it was launched.
    public struct Guest: Sendable {
        public let claims: GuestClaims
        public let change: Change
        /// The checks that let it in no more, or still not.
        public let failures: [Check]
        /// How many attempts there were.
        public internal(set) var count: Int
        /// Of the last one.
        public let attempt: Int64
        public let last: Date
    }

    /// Whom it concerns first: those that lose, then those that gain.
    public let guests: [Guest]
    /// Rules that were passed over, since what they ask for is not kept with attempts.
    public let passedOver: [String]
    /// Whether there were more attempts than are looked at.
    public let isCut: Bool

    public subscript(change: Change) -> Int { guests.count { $0.change == change } }
}

/// A change that is only thought of.
public enum PolicyDraft: Sendable {
    /// - Parameters:
    ///   - references: the sets that it names, as far as they are there.
    ///   - replacing: the policy that it would take the place of.
    case policy(Policy, references: ReferenceValues, replacing: PolicyInForce?)
    /// The server's own conditions, which hold for everybody.
    case server(AppraisalPolicy)
}

extension Broker {
    /// Holds a draft against the guests that genuine evidence was seen of. Nothing is changed.
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
    /// The same, but for what it asks of init data, which attempts do not keep.
    fileprivate var withoutUnkept: Policy {
        var policy = self
        policy.initData = [:]
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }
}
