public import Broker
import FoundationEssentials

extension PostgreSQLStore {
    public func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws {
        let query = attempt.map { attempt in
            Query(
                """
                INSERT INTO attempts (\(RecordedAttempt.columnList))
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING 1
                """, attempt.columns)
        }
        _ = try await write(query, recording: records)
    }

    public func attempts(
        _ selection: AttemptSelection, before id: Int64, limit: Int
    ) async throws -> [RecordedAttempt] {
        var conditions = ["id < $1"]
        var values: [Value] = [.integer(id), .integer(limit)]
        func add(_ column: String, _ value: String) {
            values.append(.text(value))
            conditions.append("\(column) = $\(values.count)")
        }
        if let workload = selection.workload { add("workload", workload) }
        if let accepted = selection.accepted { add("outcome", accepted ? "accepted" : "refused") }
        return try await scan(
            "\(Self.selectAttempt) WHERE \(conditions.joined(separator: " AND ")) ORDER BY id DESC LIMIT $2", values
        ).rows.map { try RecordedAttempt(row: $0) }
    }

    public func attempt(_ id: Int64) async throws -> RecordedAttempt? {
        try await lookUp("\(Self.selectAttempt) WHERE id = $1", [.integer(id)]).first.map {
            try RecordedAttempt(row: $0)
        }
    }

    private static let selectAttempt =
        "SELECT id, time, workload, tee, session, chip, code, sentence, verdict, action FROM attempts"

    public func trimAttempts(keeping count: Int) async throws {
        while true {
            let portion = try await change(takesLong: true) { transaction in
                try transaction.run(
                    """
                    DELETE FROM attempts WHERE id IN (SELECT id FROM attempts
                        WHERE id <= (SELECT max(id) FROM attempts) - $1 ORDER BY id LIMIT 2000 FOR UPDATE SKIP LOCKED)
                    """, [.integer(count)]
                ).changes
            }
            if portion == 0 { return }
        }
    }

    public func auditEntries(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        try await scan(
            "SELECT seq, record, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
            [.integer(sequence), .integer(limit)]
        ).rows.map { AuditEntry(sequence: try $0.integer(0), record: try $0.text(1), hash: try $0.bytes(2)) }
    }

    /// Whether something was ever done.
    public func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool {
        try await scan(
            "SELECT 1 FROM audit WHERE strpos(record, $1) > 0 LIMIT 1", [.text("{\"action\":\"\(action.rawValue)\",")]
        ).first != nil
    }

    /// Of the trail itself, not what `audit_head` says: the two can be told apart by who reads the trail.
    public func auditHead() async throws -> AuditHead {
        try await lookUp("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").first.map {
            AuditHead(sequence: try $0.integer(0), hash: try $0.bytes(1))
        } ?? .start
    }

    public func auditHash(of sequence: Int64) async throws -> [UInt8]? {
        try await lookUp("SELECT hash FROM audit WHERE seq = $1", [.integer(sequence)]).first?.bytes(0)
    }
}

extension RecordedAttempt {
    static let columnList = "time, action, workload, tee, session, chip, outcome, code, sentence, verdict"

    /// In the order of ``columnList``.
    var columns: [Value] {
        [
            .integer(time.milliseconds), .text(action), .text(workload), .text(tee), .text(session), .text(chip),
            .text(outcomeColumn), .text(code?.rawValue ?? ""), .text(sentence), .text(verdictJSON),
        ]
    }

    /// From the columns id, time, workload, tee, session, chip, code, sentence, verdict, action.
    fileprivate init(row: ResultRow) throws {
        let json = try row.text(8)
        self.init(
            id: try row.integer(0), time: Date(milliseconds: try row.integer(1)), action: try row.text(9),
            workload: try row.text(2), tee: try row.text(3), session: try row.text(4), chip: try row.text(5),
            code: Refusal.Code(rawValue: try row.text(6)),
            sentence: try row.text(7), verdict: Self.verdict(column: json), verdictJSON: json)
    }
}
