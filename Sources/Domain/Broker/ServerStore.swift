public import FoundationEssentials

/// The database of a server, or of a command on its data folder.
///
/// The settings choose the implementation. Features of one database alone (a file to copy, connections to count) are
/// not part of the protocol.
public protocol ServerStore: Store, SessionStore, ResourceStore, PolicyStore, TokenStore, EndorsementStore, DenialStore,
    StoreStatistics
{
    /// Whether other servers use it at the same time.
    var isShared: Bool { get }

    /// The trail's last entry, compared with the head that PostgreSQL states in a row of its own.
    ///
    /// - Throws: ``BrokenTrail`` when they differ.
    func auditEnd() async throws -> AuditHead

    /// Whether the trail has a record of an action.
    func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool

    /// Reads the manifest's changes; at little cost when there are none.
    ///
    /// - Throws: ``ManifestViolation`` or ``KeyRingError`` when the manifest cannot be followed: it was changed, is older
    ///   than one seen before, or is under a master key that is not held. Each request that needs a row which decides
    ///   then fails.
    func catchUp() async throws

    /// Descriptions of the rows that decide and differ from the manifest, at most `limit`.
    func manifestViolations(limit: Int) async throws -> [String]

    /// Seals a manifest of all rows that decide as they are now, on an operator's word.
    func acceptRows(recording record: AuditRecord) async throws

    /// How far the database's clock is ahead of this machine's, in seconds; negative when it is behind.
    func clockOffset() async throws -> TimeInterval

    /// The number of writes that wait for the transaction under way.
    var waitingWrites: Int { get }

    /// Calls `observer` after each transaction, on the writer's thread. Only the latest observer is called.
    func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void)

    /// Finishes the writes under way and closes the database.
    func close() async throws
}

/// A finished transaction, committed or failed.
public struct CommittedBatch: Sendable {
    /// The number of writes in it.
    public let writes: Int
    /// Until the end of its flush to the disk.
    public let duration: Duration
    public let hasFailed: Bool

    public init(writes: Int, duration: Duration, hasFailed: Bool) {
        self.writes = writes
        self.duration = duration
        self.hasFailed = hasFailed
    }
}
