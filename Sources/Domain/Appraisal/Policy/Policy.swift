public import Bytes
public import Evidence

/// A release policy: the rules that an attested guest must meet to get a resource. All rules must hold; within a rule,
/// one of its values suffices.
public struct Policy: Sendable, Hashable {
    public let name: PolicyName
    public var description = ""
    /// Rules by technology. Guests of any other are refused.
    public var rules: [GuestTEE: Rules] = [:]
    /// Required entries of the guest's init data.
    public var initData: [ExactText: ExactText] = [:]
    /// Whether a guest may have further init data, which the policy does not check.
    public var isInitDataOpen = false
    /// The container images that the agent's policy in the init data may let a pod run.
    public var containerImages: [ExactText]?
    /// Values that the agent's policy must have, by path, e.g. `/containers/0/OCI/Process/Args/0`.
    public var agentPolicyClaims: [ExactText: ExactText] = [:]
    /// SHA-256 of the agent's policy without its `policy_data`: the rules that give the data their meaning.
    public var agentPolicyRules: [[UInt8]]?
    /// Other verifiers (`iss`) whose tokens are accepted; when empty, guests attest here.
    public var issuers: [ExactText] = []
    /// The path of a decision that an Open Policy Agent must allow too, e.g. `policy/allow`.
    public var agentDecision: String?

    public init(name: PolicyName) { self.name = name }

    /// The policy without its rules over an agent's policy.
    public var withoutAgentPolicy: Policy {
        var policy = self
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }

    /// The vocabularies of its technologies, in the order of ``Vocabulary/all``.
    var vocabularies: [Vocabulary] { Vocabulary.all.filter { rules[$0.tee] != nil } }

    /// The names of the sets it refers to, sorted.
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

/// The server's settings for evidence: rules that hold for all guests, whatever a registration or a policy says.
public struct AppraisalPolicy: Sendable, Hashable {
    /// Rules by technology. Guests of any other are refused.
    public var rules: [GuestTEE: Rules] = [.snp: Rules()]
    public var allowsSEVDebug = false
    /// Whether SEV and SEV-ES guests are accepted.
    public var allowsSEV = true
    /// The products whose SEV and SEV-ES guests are accepted, e.g. `rome`; `nil` for all known ones.
    public var sevProducts: [ExactText]?

    public init() {}

    /// The settings `snp.*`.
    public var snp: Rules {
        get { rules[.snp] ?? Rules() }
        set { rules[.snp] = newValue }
    }

    /// Whether guests without hardware are attested: anyone who can reach the server can then pass for a guest.
    public var allowsSample: Bool {
        get { rules[.sample] != nil }
        set { rules[.sample] = newValue ? Rules() : nil }
    }
}
