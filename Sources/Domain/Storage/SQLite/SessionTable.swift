public import Broker
import Evidence
public import FoundationEssentials
import SQLite

extension SQLiteStore {
    public func insert(
        _ session: Session, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        let (binding, exponent) = session.binding.columns
        return try await writes.perform { database in
            guard try database.first(KeyReads.isRetired(session.masterKey)) == nil else { return false }
            try database.cachedStatement(
                sql: """
                    INSERT INTO sessions
                        (id, workload, binding, exponent, chip, endorsers, expires, code, opened, master_key)
                    SELECT ?, row, ?, ?, ?, ?, ?, ?, ?, ? FROM workloads WHERE row = ? AND disabled = 0
                    ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [
                session.id, binding, exponent, session.chip, session.endorsers, session.expires.seconds,
                session.code, session.opened.seconds, session.masterKey, session.workload,
            ])
            guard database.changesCount > 0 else { return false }
            try database.insert(attempt)
            try database.append(record)
            return true
        }
    }

    public func recordRelease(to session: [UInt8], at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await writes.perform { database in
            let isOpen = try Bool.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT 1 FROM sessions s JOIN workloads w ON w.row = s.workload
                        WHERE s.id = ? AND s.expires > ? AND w.disabled = 0
                        """), arguments: [session, time.seconds])
            guard isOpen == true else { return false }
            try database.append(record)
            return true
        }
    }

    public func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenBar,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let found = try await openSessions(selection, at: time)
        // In portions, so that guests do not wait behind a long transaction. The record is in the first one's: should
        // the process end between two, the trail says of more sessions than were ended, and never of fewer.
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

    /// A row is not removed: it is what remembers that a challenge was answered.
    private static func expire(_ ids: ArraySlice<[UInt8]>, at time: Date, barring bar: TokenBar, in database: Database)
        throws -> Int
    {
        // An id is random: it is in one of the tables.
        let statements = try ["sessions", "guests"].map {
            try database.cachedStatement(sql: "UPDATE \($0) SET expires = ? WHERE id = ? AND expires > ?")
        }
        var count = 0
        for id in ids {
            for statement in statements {
                try statement.execute(arguments: [time.seconds, id, time.seconds])
                count += database.changesCount
            }
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
        try await sweep("sessions", before: time) + sweep("guests", before: time)
            + sweep("init_data", before: time) + sweep("foreign_guests", before: time)
    }

    private func sweep(_ table: String, before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that guests do not wait behind a long transaction.
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
