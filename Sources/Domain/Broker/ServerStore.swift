public import FoundationEssentials

/// Everything that a server, or a command on its data, asks of a database.
///
/// One is chosen where the settings are read. What only one database has (a file to copy, connections to count) is not
/// here.
public protocol ServerStore: Store, SessionStore, ResourceStore, PolicyStore, TokenStore, EndorsementStore, DenialStore,
    StoreStatistics
{
    /// Whether other servers work on it at the same time.
    var isShared: Bool { get }

    /// Whether something was ever done.
    func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool

    /// What decides and is not as a key broker left it.
    func manifestViolations(limit: Int) async throws -> [String]

    /// Believes all rows that decide as they are, on an operator's word.
    func acceptRows(recording record: AuditRecord) async throws

    /// How far the database's clock is ahead of this machine's, in seconds. Negative when it is behind.
    func clockOffset() async throws -> TimeInterval

    /// How many writes wait for the transaction under way.
    var waitingWrites: Int { get }

    /// Has every transaction told to `observer`. The last one who asks is told.
    func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void)

    /// Waits for what was begun, and lets go of the database.
    func close() async throws
}

/// A transaction that has ended.
public struct CommittedBatch: Sendable {
    /// How many writes shared it.
    public let writes: Int
    /// With its flush.
    public let duration: Duration
    public let hasFailed: Bool

    public init(writes: Int, duration: Duration, hasFailed: Bool) {
        self.writes = writes
        self.duration = duration
        self.hasFailed = hasFailed
    }
}
