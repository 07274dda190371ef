/// A transaction that has ended.
public struct CommittedBatch: Sendable {
    /// How many writes shared it.
    public let writes: Int
    /// With its flush.
    public let duration: Duration
    public let hasFailed: Bool
}
