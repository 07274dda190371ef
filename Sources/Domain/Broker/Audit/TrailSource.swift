/// A trail and its checkpoints, read from a data folder or from a running server.
public protocol TrailSource: Sendable {
    func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry]
    /// A checkpoint of the trail as it is now.
    func checkpoint() async throws -> Checkpoint
}
