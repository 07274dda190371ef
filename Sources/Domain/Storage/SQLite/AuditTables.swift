public import Broker
import Evidence
import FoundationEssentials
import SQLite

extension SQLiteStore {
    public func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws {
        try await writes.perform { database in
            if let attempt { try database.insert(attempt) }
            for record in records { try database.append(record) }
        }
    }

    public func attempts(
        _ selection: AttemptSelection, before id: Int64, limit: Int
    ) async throws -> [RecordedAttempt] {
        var conditions = ["id < :before"]
        var arguments: StatementArguments = ["before": id, "limit": limit]
        if let workload = selection.workload {
            conditions.append("workload = :workload")
            arguments += ["workload": workload]
        }
        if let accepted = selection.accepted {
            conditions.append("outcome = :outcome")
            arguments += ["outcome": accepted ? "accepted" : "refused"]
        }
        let condition = conditions.joined(separator: " AND ")
        return try await scan { [arguments] database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "\(Self.selectAttempt) WHERE \(condition) ORDER BY id DESC LIMIT :limit"),
                arguments: arguments
            ).map { try RecordedAttempt(row: $0) }
        }
    }

    public func attempt(_ id: Int64) async throws -> RecordedAttempt? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectAttempt) WHERE id = ?"), arguments: [id]
            ).map { try RecordedAttempt(row: $0) }
        }
    }

    private static let selectAttempt =
        "SELECT id, time, workload, tee, session, chip, code, sentence, verdict, action FROM attempts"

    public func trimAttempts(keeping count: Int) async throws {
        while true {
            let portion = try await writes.perform { database in
                try database.cachedStatement(
                    sql: """
                        DELETE FROM attempts WHERE id IN
                            (SELECT id FROM attempts WHERE id <= (SELECT max(id) FROM attempts) - ? LIMIT 500)
                        """
                ).execute(arguments: [count])
                return database.changesCount
            }
            if portion == 0 { return }
        }
    }

    public func auditEntries(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        try await scan { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT seq, record, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"),
                arguments: [sequence, limit]
            ).map { try AuditEntry(sequence: $0[0], record: $0[1], hash: $0[2]) }
        }
    }

    /// Whether something was ever done.
    public func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool {
        try await scan { database in
            try Bool.fetchOne(
                database.cachedStatement(sql: "SELECT 1 FROM audit WHERE instr(record, ?) > 0 LIMIT 1"),
                arguments: ["{\"action\":\"\(action.rawValue)\","]) == true
        }
    }

    public func auditHead() async throws -> AuditHead { try read { try $0.auditHead() } }

    public func auditHash(of sequence: Int64) async throws -> [UInt8]? {
        try read { database in
            try [UInt8].fetchOne(
                database.cachedStatement(sql: "SELECT hash FROM audit WHERE seq = ?"), arguments: [sequence])
        }
    }
}

extension Database {
    /// Adds a record to the end of the trail, in the transaction that is open.
    ///
    /// Another process may have written since the last transaction, so the end is read each time.
    ///
    /// - Returns: its sequence number.
    @discardableResult
    func append(_ record: AuditRecord) throws -> Int64 {
        let entry = try AuditEntry(appending: record.canonical, to: try auditHead())
        try cachedStatement(sql: "INSERT INTO audit (seq, record, hash) VALUES (?, ?, ?)")
            .execute(arguments: [entry.sequence, entry.record, entry.hash])
        return entry.sequence
    }

    fileprivate func auditHead() throws -> AuditHead {
        try Row.fetchOne(cachedStatement(sql: "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"))
            .map { try AuditHead(sequence: $0[0], hash: $0[1]) } ?? .start
    }

    func insert(_ attempt: RecordedAttempt) throws {
        try cachedStatement(
            sql: """
                INSERT INTO attempts (time, action, workload, tee, session, chip, outcome, code, sentence, verdict)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            attempt.time.milliseconds, attempt.action, attempt.workload, attempt.tee, attempt.session, attempt.chip,
            attempt.outcomeColumn, attempt.code?.rawValue ?? "", attempt.sentence,
            attempt.verdictJSON,
        ])
    }
}

extension RecordedAttempt {
    /// From the columns id, time, workload, tee, session, chip, code, sentence, verdict, action.
    fileprivate init(row: SQLite.Row) throws {
        let json: String = try row[8]
        try self.init(
            id: row[0], time: Date(milliseconds: row[1]), action: row[9], workload: row[2], tee: row[3],
            session: row[4], chip: row[5], code: Refusal.Code(rawValue: row[6]), sentence: row[7],
            verdict: Self.verdict(column: json), verdictJSON: json)
    }
}
