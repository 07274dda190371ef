public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: ServerStore {
    /// A file has one machine, and one clock.
    public var isShared: Bool { false }

    public func clockOffset() async throws -> TimeInterval { 0 }

    public func probe() async throws {
        // The application's own number in the file's header: SQLite does not use it, and to set
        // it takes a real write and a real flush. Its value means nothing.
        let mark = Int32.random(in: 1...Int32.max)
        try await writes.perform { try $0.execute(sql: "PRAGMA user_version = \(mark)") }
        guard try read({ try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM kbs_schema") ?? 0 }) > 0 else {
            throw DatabaseError(message: "the database has no schema")
        }
    }

    public var writtenHead: AuditHead? { writes.writtenHead }

    /// How many writes wait for the transaction under way.
    public var waitingWrites: Int { writes.waiting }

    /// Has every transaction told to `observer`, on the thread that writes. The last one who asks is told.
    public func observeCommits(_ observer: @escaping @Sendable (CommittedBatch) -> Void) {
        writes.observe(observer)
    }
}
