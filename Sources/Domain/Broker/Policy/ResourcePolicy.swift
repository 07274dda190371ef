public import Bytes
public import Evidence

/// What an attested guest must show to get a resource. Every rule must be met; within a rule, any of its values will do.
///
/// `nil` is "not asked". A list that is there is never empty.
public struct ResourcePolicy: Sendable, Hashable {
    /// A digest, or the name of a set of them.
    public enum Reference: Sendable, Hashable {
        case value([UInt8])
        /// Written `@name`.
        case set(PolicyName)
    }

    /// Which privilege levels a report may be made at.
    public enum VMPL: Sendable, Hashable, Codable {
        case exactly(UInt32)
        case atMost(UInt32)
    }

    public let name: PolicyName
    public var description = ""
    public var tees: [GuestTEE] = [.snp]
    public var products: [Product]?
    /// Launch measurements, 48 bytes each.
    public var measurements: [Reference]?
    /// Says that a policy without measurements, ID key, author key and host data is meant so.
    public var acceptsAnyMeasurement = false
    /// 32 bytes each.
    public var hostData: [Reference]?
    public var idKeyDigests: [Reference]?
    public var authorKeyDigests: [Reference]?
    /// 16 bytes each.
    public var familyIDs: [[UInt8]]?
    public var imageIDs: [[UInt8]]?
    /// As reports name them: 64 bytes, or Turin's 8.
    public var chips: [[UInt8]]?
    public var endorsements: [EndorsementKey.Kind]?
    /// The cloud providers whose VLEKs are accepted.
    public var cspIDs: [ExactText]?
    /// What REPORTED, COMMITTED, CURRENT and LAUNCH_TCB are held to, for the products that it has; once there is one, the
    /// others are refused.
    public var minimumTCB: [Product: TCBVersion] = [:]
    /// Mitigations that the host's firmware must have in force, bit by bit.
    public var minimumMitigations: UInt64 = 0
    /// Whether the two minimums hold for the time of the guest's launch too.
    public var holdsMinimumAtLaunch = true
    /// `nil`: what the server asks for.
    public var vmpl: VMPL?
    public var minimumGuestSVN: UInt32?
    /// The most that the guest may let its host do. Debugging and migration need the server's word too.
    public var allows: GuestPolicy = [.smtAllowed]
    /// What the guest must demand of its host.
    public var requires: GuestPolicy = []
    /// PLATFORM_INFO bits that must be set.
    public var platform: PlatformFeatures = []
    /// Claims of the guest's init data, and what each must be.
    public var initData: [ExactText: ExactText] = [:]
    /// Whether a guest may have init data beside those, of which the policy says nothing.
    public var isInitDataOpen = false
    /// The container images that the agent's policy in the init data may let a pod run.
    public var containerImages: [ExactText]?
    /// Values that the agent's policy must have, by path, e.g. `containers.0.OCI.Process.Args.0`.
    public var agentPolicyClaims: [ExactText: ExactText] = [:]
    /// SHA-256 of the agent's policy without its `policy_data`: the rules that give the data their meaning.
    public var agentPolicyRules: [[UInt8]]?
    /// Other verifiers (`iss`) whose tokens guests may come with; without any, a guest attests here.
    public var issuers: [ExactText] = []
    /// The decision that an Open Policy Agent must give too, e.g. `policy/allow`.
    public var agentDecision: String?

    public init(name: PolicyName) { self.name = name }

    /// The same, but for what it asks of an agent's policy.
    var withoutAgentPolicy: ResourcePolicy {
        var policy = self
        (policy.containerImages, policy.agentPolicyRules, policy.agentPolicyClaims) = (nil, nil, [:])
        return policy
    }
}
