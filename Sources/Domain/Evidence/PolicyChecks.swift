/// The checks of policies on claims.
extension Check.Name {
    /// Whether a resource has a policy at all.
    public static let policyAssigned = Self("policy.assigned", .acceptability)
    public static let policyTechnology = Self("policy.tee", .acceptability)
    public static let policyProduct = Self("policy.product", .acceptability)
    public static let policyMeasurement = Self("policy.measurement", .acceptability)
    public static let policyHostData = Self("policy.host_data", .acceptability)
    public static let policyIDKey = Self("policy.id_key", .acceptability)
    public static let policyAuthorKey = Self("policy.author_key", .acceptability)
    public static let policyFamilyID = Self("policy.family_id", .acceptability)
    public static let policyImageID = Self("policy.image_id", .acceptability)
    public static let policyChip = Self("policy.chip_id", .acceptability)
    public static let policyEndorsement = Self("policy.endorsement", .acceptability)
    public static let policyMinimumTCB = Self("policy.minimum_tcb", .acceptability)
    public static let policyMitigations = Self("policy.minimum_mitigations", .acceptability)
    public static let policyCSPID = Self("policy.csp_id", .acceptability)
    public static let policyVMPL = Self("policy.vmpl", .acceptability)
    public static let policyGuestSVN = Self("policy.guest_svn", .acceptability)
    public static let policyDebug = Self("policy.debug", .acceptability)
    public static let policyMigrationAgent = Self("policy.migration_agent", .acceptability)
    /// Further permissions of the host in the guest policy.
    public static let policyPermissions = Self("policy.permissions", .acceptability)
    /// Restrictions of the host in the guest policy.
    public static let policyRestrictions = Self("policy.restrictions", .acceptability)
    public static let policyPlatform = Self("policy.platform", .acceptability)
    public static let policyInitData = Self("policy.init_data", .acceptability)
    /// The container images that the agent's policy, which is init data, lets a pod run.
    public static let policyContainerImages = Self("policy.container_images", .acceptability)
    /// Other values of the agent's policy.
    public static let policyAgentClaims = Self("policy.agent_policy_claims", .acceptability)
    /// The issuer of the guest's token.
    public static let policyIssuer = Self("policy.issuer", .acceptability)
    /// The Open Policy Agent's decision.
    public static let policyAgent = Self("policy.opa", .acceptability)

    static let policies: [Check.Name] = [
        .policyAssigned, .policyTechnology, .policyProduct, .policyMeasurement, .policyHostData, .policyIDKey,
        .policyAuthorKey, .policyFamilyID, .policyImageID, .policyChip, .policyEndorsement, .policyMinimumTCB,
        .policyMitigations,
        .policyCSPID, .policyVMPL, .policyGuestSVN, .policyDebug, .policyMigrationAgent, .policyPermissions,
        .policyRestrictions, .policyPlatform, .policyInitData, .policyContainerImages, .policyAgentClaims,
        .policyIssuer, .policyAgent,
    ]
}
