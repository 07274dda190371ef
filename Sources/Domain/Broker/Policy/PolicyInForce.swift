public import Bytes
public import Evidence
public import FoundationEssentials

/// A policy and the reference values that it names, read at one moment.
public struct PolicyInForce: Sendable, Hashable {
    public let policy: Policy
    public let references: ReferenceValues
    public let stamp: Stamp

    /// The policy's revision and those of its sets, in the order of their names: changes when any of them does.
    public struct Stamp: Sendable, Hashable {
        public let policy: Revision
        public let references: [Revision]

        public init(policy: Revision, references: [Revision]) {
            self.policy = policy
            self.references = references
        }
    }

    public init(policy: Policy, references: ReferenceValues, stamp: Stamp) {
        self.policy = policy
        self.references = references
        self.stamp = stamp
    }

    /// The members of audit records that name the policy.
    var inTrail: [String: String] { ["policy": policy.name.text, "policy_revision": "\(stamp.policy)"] }

    /// Decides whether a guest may have a resource. All rules are evaluated; an agent is asked only about a guest that
    /// they accept.
    ///
    /// A guest that attested here must meet the server's settings too, as at its attestation: that may have been at
    /// another server, or before this one was restarted with other settings. Of another verifier's guest they are
    /// compared when its token is read, as far as it states the claims.
    ///
    /// - Parameters:
    ///   - claims: the claims of genuine evidence.
    ///   - issuer: the issuer of the guest's token; `nil` when it attested here.
    ///   - binding: the binding of the requested version.
    ///   - question: makes the agent's input. Called only when an agent is asked.
    ///   - agent: `nil` when the server has none. A policy that needs one is then not met.
    /// - Throws: a ``Refusal`` when the agent cannot be asked. Nothing may be released then.
    public func decide(
        on claims: GuestClaims, vouchedForBy issuer: ExactText? = nil, boundTo binding: HostDataBinding? = nil,
        under server: AppraisalPolicy, at time: Date, asking agent: (any PolicyAgent)?,
        _ question: () throws -> AgentInput
    ) async throws -> Verdict {
        let verdict = policy.evaluate(claims, references: references, under: server, at: time)
            .holding(
                to: issuer.map { [policy.requirement(on: $0)] } ?? server.requirements(on: claims.evidence, at: time)
            )
            .holding(to: binding.map { [$0.requirement(on: claims.evidence)] } ?? [])
        guard let decision = policy.agentDecision, verdict.isAccepted else { return verdict }
        guard let agent else {
            return verdict.holding(to: [
                Requirement(
                    .policyAgent, expected: .text("\(decision) is true"), found: .text("no agent"), isMet: false,
                    advice: "The policy \(policy.name) asks an Open Policy Agent, and this server has none: set "
                        + "policy.opa.url, or change the policy.")
            ])
        }
        let isAllowed = try await agent.allows(decision, try question())
        return verdict.holding(to: [
            Requirement(
                .policyAgent, expected: .text("\(decision) is true"), found: .text(isAllowed ? "true" : "not true"),
                isMet: isAllowed,
                advice: "The Open Policy Agent does not let this guest have it: look at the rule \(decision) there.")
        ])
    }
}

extension Policy {
    /// Another verifier's token counts only for policies that name its issuer.
    fileprivate func requirement(on issuer: ExactText) -> Requirement {
        Requirement(
            .policyIssuer,
            expected: .text(
                issuers.isEmpty ? "a guest that attested here" : issuers.map(\.text).joined(separator: " or ")),
            found: .text(issuer.text), isMet: issuers.contains(issuer),
            advice:
                "The policy \(name) does not accept tokens of \(issuer): have the guest attest here, or add the issuer "
                + "to the policy's `issuers`, if that verifier may decide over what the policy protects.")
    }
}
