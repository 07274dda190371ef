public import Evidence

/// Claims that hold for all guests of a verifier though its tokens do not state them: because the verifier checks them,
/// or by the hosts that it serves. A claim in a token takes precedence.
public struct ForeignAssumptions: Sendable, Hashable {
    public var vmpl: UInt32?
    public var product: Product?
    /// The guest policy forbids CXL.
    public var forbidsCXL = false
    /// The host's firmware is committed: it cannot be rolled back.
    public var hasCommittedFirmware = false
    /// A token that states only REPORTED_TCB stands for CURRENT, COMMITTED and LAUNCH_TCB that are no lower.
    public var hasReportedTCB = false

    public init() {}
}
