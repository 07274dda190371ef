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
        /// The policies that change for the guest, when reference values do.
        public let policies: [PolicyName]
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
    /// The time at which the guests are evaluated: when all of the draft's effect has come.
    public let time: Date
    /// Whether older attempts were left out: there are more than the limit.
    public let isCut: Bool

    public subscript(change: Change) -> Int { guests.count { $0.change == change } }
}

/// A change of a policy, reference values or the settings that is not made yet.
public enum PolicyDraft: Sendable {
    /// - Parameters:
    ///   - references: the sets of reference values that the policy names, as far as they exist.
    ///   - replacing: the policy in force under the same name; `nil` when there is none.
    case policy(Policy, references: ReferenceValues, replacing: PolicyInForce?)
    /// A set of reference values, with the policies that name it as they are in force.
    ///
    /// - Parameter at: when all of its effect has come.
    case references(ReferenceValueSet, policies: [PolicyInForce], at: Date)
    /// The server's settings, which hold for all guests.
    case server(AppraisalPolicy)
}

extension Broker {
    /// Evaluates a draft on the claims of stored attempts with genuine evidence. Nothing is changed.
    public func impact(of draft: PolicyDraft, since start: Date) async throws -> PolicyImpact {
        let time = draft.time ?? now()
        var seen: [Claims: PolicyImpact.Guest] = [:]
        let isCut = try await eachAttempt(since: start) { attempt in
            guard let claims = attempt.claims.flatMap({ try? GuestClaims(json: $0) }) else { return }
            let key = claims.evidence.ofEachLaunch
            guard seen[key] == nil else {
                seen[key]?.count += attempt.repeats.count
                return
            }
            let effect = draft.effect(on: claims, under: self.policy, at: time)
            seen[key] = PolicyImpact.Guest(
                claims: claims, change: effect.change, policies: effect.policies, failures: effect.failures,
                count: attempt.repeats.count, attempt: attempt.id, last: attempt.repeats.last ?? attempt.time)
        }
        return PolicyImpact(
            guests: seen.values.sorted { a, b in
                (a.change.rank, b.last) < (b.change.rank, a.last)
            }, passedOver: draft.passedOver, time: time, isCut: isCut)
    }
}

extension PolicyImpact.Change {
    fileprivate init(from before: Verdict?, to after: Verdict) {
        self =
            switch (before?.isAccepted ?? false, after.isAccepted) {
            case (true, true): .kept
            case (true, false): .lost
            case (false, true): .gained
            case (false, false): .refused
            }
    }

    /// The place in a list. Of the changes by several policies, the first counts.
    fileprivate var rank: Int {
        switch self {
        case .lost: 0
        case .gained: 1
        case .kept: 2
        case .refused: 3
        }
    }
}

extension PolicyDraft {
    fileprivate typealias Effect = (change: PolicyImpact.Change, policies: [PolicyName], failures: [Check])

    fileprivate var time: Date? { if case .references(_, _, let time) = self { time } else { nil } }

    /// The draft's effect on a guest.
    fileprivate func effect(on claims: GuestClaims, under server: AppraisalPolicy, at time: Date) -> Effect {
        func verdict(_ policy: Policy, _ references: ReferenceValues) -> Verdict {
            policy.withoutUnkept.evaluate(claims, references: references, under: server, at: time)
        }
        func effect(from before: Verdict?, to after: Verdict) -> Effect {
            (PolicyImpact.Change(from: before, to: after), [], after.failures)
        }
        switch self {
        case .policy(let policy, let references, let replaced):
            return effect(
                from: replaced.map { verdict($0.policy, $0.references) }, to: verdict(policy, references))
        case .references(let set, let policies, _):
            let effects = policies.map { inForce in
                let after = inForce.references.merging([set.name: set]) { $1 }
                return (
                    policy: inForce.policy.name,
                    effect: effect(
                        from: verdict(inForce.policy, inForce.references), to: verdict(inForce.policy, after))
                )
            }
            guard let first = effects.map(\.effect).min(by: { $0.change.rank < $1.change.rank }) else {
                return (.refused, [], [])
            }
            return (first.change, effects.filter { $0.effect.change == first.change }.map(\.policy), first.failures)
        case .server(let settings):
            return effect(from: server.evaluate(claims, at: time), to: settings.evaluate(claims, at: time))
        }
    }

    fileprivate var passedOver: [String] {
        switch self {
        case .policy(let policy, _, _): policy.unkept
        case .references(_, let policies, _): Set(policies.flatMap(\.policy.unkept)).sorted()
        case .server: []
        }
    }
}

extension Policy {
    /// The rules that attempts do not store the claims for.
    fileprivate var unkept: [String] {
        [
            initData.isEmpty ? nil : "init_data", containerImages == nil ? nil : "container_images",
            agentPolicyRules == nil ? nil : "agent_policy_rules",
            agentPolicyClaims.isEmpty ? nil : "agent_policy_claims",
            agentDecision == nil ? nil : "agent_decision",
        ].compactMap(\.self)
    }

    /// The policy without its rules over init data, which attempts do not store.
    fileprivate var withoutUnkept: Policy {
        var policy = self
        policy.initData = [:]
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }
}
