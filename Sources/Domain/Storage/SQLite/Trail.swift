public import Broker
import Evidence
public import FoundationEssentials
import SQLite

extension SQLiteStore {
    public func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws {
        try await writes.perform { database in
            if let attempt { try database.insert(attempt) }
            for record in records { try database.append(record) }
        }
    }

    public func auditEnd() async throws -> AuditHead { try await auditHead() }

    public func countAgain(_ mark: String, at time: Date) async throws -> Bool {
        try await writes.perform { database in
            try database.execute(AttemptReads.countAgain, [.integer(time.milliseconds), .text(mark)])
            return database.changesCount > 0
        }
    }
}

extension Database {
    /// Appends a record to the trail, in the open transaction.
    ///
    /// - Returns: its sequence number.
    @discardableResult
    func append(_ record: AuditRecord) throws -> Int64 {
        let entry = try AuditEntry(appending: record.canonical, to: try trailEnd() ?? .start)
        try cachedStatement(sql: "INSERT INTO audit (seq, record, hash) VALUES (?, ?, ?)")
            .execute(arguments: [entry.sequence, entry.record, entry.hash])
        if isInsideTransaction { note = AuditHead(entry) }
        return entry.sequence
    }

    /// The trail's head. Read in each transaction, since another process may have written since the last.
    func trailEnd() throws -> AuditHead? { try note as? AuditHead ?? first(AttemptReads.head) }

    func insert(_ attempt: RecordedAttempt) throws { try execute(Self.insertAttempt, attempt.columns) }

    private static let insertAttempt: SQLText = """
        INSERT INTO attempts (\(RecordedAttempt.columnList))
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        """
}
