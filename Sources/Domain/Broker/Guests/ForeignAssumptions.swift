public import Evidence

/// What holds of every guest of a verifier though its tokens do not say so: because it checks that, or because of the
/// hosts that it is for. What a token does say counts, whatever is assumed.
public struct ForeignAssumptions: Sendable, Hashable {
    public var vmpl: UInt32?
    public var product: Product?
    /// The guest's policy does not allow CXL.
    public var forbidsCXL = false
    /// The host's firmware is committed: it cannot be rolled back.
    public var hasCommittedFirmware = false
    /// Where a token states REPORTED_TCB alone, CURRENT, COMMITTED and LAUNCH_TCB are no lower.
    public var hasReportedTCB = false

    public init() {}
}
