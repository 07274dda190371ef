public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: ServerStore {
    /// A file is on one machine, with one clock.
    public var isShared: Bool { false }

    public func clockOffset() async throws -> TimeInterval { 0 }

    public func probe() async throws {
        // `user_version` is for applications, and this one does not use it: setting it costs a real write and a real
        // flush.
        let mark = Int32.random(in: 1...Int32.max)
        try await writes.perform { try $0.execute(sql: "PRAGMA user_version = \(mark)") }
        guard try read({ try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM kbs_schema") ?? 0 }) > 0 else {
            throw DatabaseError(message: "the database has no schema")
        }
    }

    public var writtenHead: AuditHead? { writes.writtenHead }

    /// The number of writes that wait for the transaction under way.
    public var waitingWrites: Int { writes.waiting }

    /// Calls `observer` after each transaction, on the writer's thread. Only the latest observer is called.
    public func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void) {
        writes.observe(observer)
    }
}
