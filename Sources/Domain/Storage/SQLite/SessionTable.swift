public import Broker
import Evidence
public import FoundationEssentials
import SQLite

extension SQLiteStore: SessionStore {
    public func insert(
        _ session: StoredSession, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        try await writes.perform { database in
            guard try database.first(KeyReads.isRetired(session.masterKey)) == nil else { return false }
            if let workload = session.workload {
                guard try database.first(WorkloadReads.isEnabled(workload)) != nil else { return false }
            }
            try database.execute(Self.insertSession, session.columns)
            guard database.changesCount > 0 else { return false }
            if let initData { try database.execute(Self.keepInitData, initData.columns) }
            try database.insert(attempt)
            try database.append(record)
            return true
        }
    }

    private static let insertSession: SQLText = """
        INSERT INTO sessions (\(StoredSession.columnList)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
        ON CONFLICT DO NOTHING
        """

    private static let keepInitData: SQLText = """
        INSERT INTO init_data (id, entries, expires) VALUES (?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET expires = max(init_data.expires, excluded.expires)
        """

    public func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenCutoff,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let found = try await openSessions(selection, at: time)
        // In portions, so that guests do not wait for a long transaction. The record, with the total, is in the first
        // portion's transaction: if the process ends between two, the trail states more ended sessions than there are,
        // never fewer.
        var ended = 0
        for start in stride(from: 0, to: found.count, by: Self.portion) {
            let ids = found[start..<min(start + Self.portion, found.count)]
            let later = found.count - ids.count
            ended += try await writes.perform { database in
                let count = try Self.expire(ids, at: time, barring: bar, in: database)
                if start == 0, count + later > 0 { try database.append(record(count + later)) }
                return count
            }
        }
        return ended
    }

    /// Expires rows and does not remove them, so that their challenges are not answered twice.
    private static func expire(
        _ ids: ArraySlice<[UInt8]>, at time: Date, barring bar: TokenCutoff, in database: Database
    ) throws -> Int {
        // An id is random, so at most one of the tables has it.
        let statement = try database.cachedStatement(
            sql: "UPDATE sessions SET expires = ? WHERE id = ? AND expires > ?")
        var count = 0
        for id in ids {
            try statement.execute(arguments: [time.seconds, id, time.seconds])
            count += database.changesCount
            try database.execute(
                """
                UPDATE foreign_guests SET ends = ?1, barred = ?2, expires = max(expires, ?3) WHERE id = ?4 AND ends > ?1
                """, [.time(time), .time(bar.issued), .time(bar.kept), .bytes(id)])
            count += database.changesCount
        }
        return count
    }

    private static let portion = 500

    public func sweepSessions(before time: Date) async throws -> Int {
        try await sweep("sessions", before: time) + sweep("init_data", before: time)
            + sweep("foreign_guests", before: time)
    }

    private func sweep(_ table: String, before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that guests do not wait for a long transaction.
            let portion = try await writes.perform { database in
                try database.cachedStatement(
                    sql: """
                        DELETE FROM \(table) WHERE id IN
                            (SELECT id FROM \(table) INDEXED BY \(table)_by_expiry WHERE expires <= ?
                            LIMIT \(Self.portion))
                        """
                ).execute(arguments: [time.seconds])
                return database.changesCount
            }
            swept += portion
            if portion == 0 { return swept }
        }
    }
}
