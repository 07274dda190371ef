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
            guard try !Self.isRetired(session.masterKey, in: database) else { return false }
            try database.cachedStatement(
                sql: """
                    INSERT INTO sessions (id, workload, binding, exponent, chip, expires, code, opened, master_key)
                    SELECT ?, row, ?, ?, ?, ?, ?, ?, ? FROM workloads WHERE row = ? AND disabled = 0
                    ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [
                session.id, binding, exponent, session.chip, session.expires.seconds,
                session.code, session.opened.seconds, session.masterKey, session.workload,
            ])
            guard database.changesCount > 0 else { return false }
            try database.insert(attempt)
            try database.append(record)
            return true
        }
    }

    public func grant(session id: [UInt8], at time: Date) async throws -> Grant? {
        try read { database in
            let sql = """
                SELECT w.row, w.id, w.tee, w.registered, m.digest, c.tee_config, c.policy, w.disabled,
                    s.binding, s.exponent, s.chip, s.opened, s.expires, s.code, s.master_key,
                    x.sealed, x.master_key
                FROM sessions s JOIN workloads w ON w.row = s.workload JOIN measurements m ON m.workload = w.row
                    JOIN configs c ON c.workload = w.row JOIN secrets x ON x.workload = w.row
                WHERE s.id = ? AND s.expires > ?
                """
            return try Row.fetchOne(
                database.cachedStatement(sql: sql), arguments: [id, time.seconds]
            ).map { row in
                let workload = try Workload(row: row)
                return try Grant(
                    session: Session(
                        id: id, workload: workload.row,
                        binding: .init(binding: row[8], exponent: row[9]),
                        chip: row[10], opened: Date(seconds: row[11]), expires: Date(seconds: row[12]),
                        code: row[13], masterKey: row[14]),
                    workload: workload, sealedSecret: Sealed(bytes: row[15], masterKey: row[16]))
            }
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

    public func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession] {
        let (condition, arguments) = selection.condition
        return try await scan { database in
            // Each half in the order of its key, so that neither is read further than the page.
            try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT id, workload, tee, chip, opened, expires FROM (
                            SELECT * FROM (SELECT s.id, w.id workload, w.tee, s.chip, s.opened, s.expires
                                FROM sessions s JOIN workloads w ON w.row = s.workload
                                WHERE s.id > :after AND s.expires > :time AND \(condition)
                                ORDER BY s.id LIMIT :limit)
                            UNION ALL
                            SELECT * FROM (SELECT s.id, NULL, s.tee, s.chip, s.opened, s.expires
                                FROM guests s
                                WHERE s.id > :after AND s.expires > :time AND \(selection.guestCondition)
                                ORDER BY s.id LIMIT :limit))
                        ORDER BY id LIMIT :limit
                        """),
                arguments: ["after": id, "time": time.seconds, "limit": limit] + arguments
            ).map { row in
                try OpenSession(
                    id: row[0], workload: (row[1] as String?).map { try WorkloadID($0) },
                    tee: row[2], chip: row[3], opened: Date(seconds: row[4]), expires: Date(seconds: row[5]))
            }
        }
    }

    public func endSessions(
        _ selection: SessionSelection, at time: Date, recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let (condition, arguments) = selection.condition
        let found = try await scan { database in
            try [UInt8].fetchAll(
                database,
                sql: """
                    SELECT s.id FROM sessions s JOIN workloads w ON w.row = s.workload
                    WHERE s.expires > :time AND \(condition)
                    UNION ALL
                    SELECT s.id FROM guests s WHERE s.expires > :time AND \(selection.guestCondition)
                    """, arguments: ["time": time.seconds] + arguments)
        }
        // In portions, so that guests do not wait behind a long transaction. The record is in the first one's: should
        // the process end between two, the trail says of more sessions than were ended, and never of fewer.
        var ended = 0
        for start in stride(from: 0, to: found.count, by: Self.portion) {
            let ids = found[start..<min(start + Self.portion, found.count)]
            let later = found.count - ids.count
            ended += try await writes.perform { database in
                let count = try Self.expire(ids, at: time, in: database)
                if start == 0, count + later > 0 { try database.append(record(count + later)) }
                return count
            }
        }
        return ended
    }

    /// A row is not removed: it is what remembers that a challenge was answered.
    private static func expire(_ ids: ArraySlice<[UInt8]>, at time: Date, in database: Database) throws -> Int {
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
        }
        return count
    }

    private static let portion = 500

    public func sweepSessions(before time: Date) async throws -> Int {
        try await sweep("sessions", before: time) + sweep("guests", before: time)
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

extension SessionSelection {
    /// SQL over `sessions s` and `workloads w`.
    fileprivate var condition: (sql: String, arguments: StatementArguments) {
        var conditions: [String] = []
        var arguments: StatementArguments = [:]
        if let id {
            conditions.append("s.id = :session")
            arguments += ["session": id]
        }
        if let workload {
            conditions.append("w.id = :workload")
            arguments += ["workload": workload.text]
        }
        if let chip {
            conditions.append("s.chip = :chip")
            arguments += ["chip": chip]
        }
        return (conditions.isEmpty ? "1" : conditions.joined(separator: " AND "), arguments)
    }

    /// The same over `guests s`, which have no workload. Its arguments are among those of ``condition``.
    fileprivate var guestCondition: String {
        guard workload == nil else { return "0" }
        let conditions = [id.map { _ in "s.id = :session" }, chip.map { _ in "s.chip = :chip" }].compactMap(\.self)
        return conditions.isEmpty ? "1" : conditions.joined(separator: " AND ")
    }
}
