public import Bytes
public import Evidence

/// What an attested guest must show to get a resource. Every rule must be met; within a rule, any of its values will do.
public struct Policy: Sendable, Hashable {
    public let name: PolicyName
    public var description = ""
    /// By technology. Guests of another get nothing.
    public var rules: [GuestTEE: Rules] = [:]
    /// Claims of the guest's init data, and what each must be.
    public var initData: [ExactText: ExactText] = [:]
    /// Whether a guest may have init data beside those, of which the policy says nothing.
    public var isInitDataOpen = false
    /// The container images that the agent's policy in the init data may let a pod run.
    public var containerImages: [ExactText]?
    /// Values that the agent's policy must have, by path, e.g. `/containers/0/OCI/Process/Args/0`.
    public var agentPolicyClaims: [ExactText: ExactText] = [:]
    /// SHA-256 of the agent's policy without its `policy_data`: the rules that give the data their meaning.
    public var agentPolicyRules: [[UInt8]]?
    /// Other verifiers (`iss`) whose tokens guests may come with; without any, a guest attests here.
    public var issuers: [ExactText] = []
    /// The decision that an Open Policy Agent must give too, e.g. `policy/allow`.
    public var agentDecision: String?

    public init(name: PolicyName) { self.name = name }

    /// The same, but for what it asks of an agent's policy.
    public var withoutAgentPolicy: Policy {
        var policy = self
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }

    /// Its technologies, in the order of the list.
    var vocabularies: [Vocabulary] { Vocabulary.all.filter { rules[$0.tee] != nil } }

    /// The sets that it names, in the order of their names.
    public var referenceNames: [PolicyName] {
        var names: Set<PolicyName> = []
        for rules in rules.values {
            for case .digests(let references)? in rules.keys.map({ rules[$0] }) {
                for case .set(let name) in references { names.insert(name) }
            }
        }
        return names.sorted()
    }
}

/// What the server accepts, whatever a registration or a policy says: rules for everybody.
public struct AppraisalPolicy: Sendable, Hashable {
    /// By technology. Guests of another are not taken.
    public var rules: [GuestTEE: Rules] = [.snp: Rules()]
    public var allowsSEVDebug = false
    /// Whether SEV and SEV-ES guests are taken.
    public var allowsSEV = true
    /// The products whose SEV and SEV-ES guests are taken, e.g. `rome`; `nil`: all that are known.
    public var sevProducts: [ExactText]?

    public init() {}

    /// The settings `snp.*`.
    public var snp: Rules {
        get { rules[.snp] ?? Rules() }
        set { rules[.snp] = newValue }
    }

    /// Whether guests without hardware are attested: whoever can reach the server is then one.
    public var allowsSample: Bool {
        get { rules[.sample] != nil }
        set { rules[.sample] = newValue ? Rules() : nil }
    }
}
