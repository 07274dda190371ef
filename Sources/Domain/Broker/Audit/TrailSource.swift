/// A trail that can be read from outside: a data folder's, or a running server's.
public protocol TrailSource: Sendable {
    func auditRecords(after sequence: Int64, limit: Int) async throws -> [AuditEntry]
    /// A checkpoint of the trail as it is now.
    func checkpoint() async throws -> Checkpoint
}
