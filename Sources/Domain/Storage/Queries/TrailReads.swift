public import Broker
import Evidence
import FoundationEssentials

extension ReadingStore {
    public func attempts(
        _ selection: AttemptSelection, before id: Int64, limit: Int
    ) async throws -> [RecordedAttempt] {
        var conditions = ["id < ?1"]
        var values: [Value] = [.integer(id), .integer(limit)]
        if let workload = selection.workload {
            values.append(.text(workload))
            conditions.append("workload = ?\(values.count)")
        }
        // In the text, since a parameter would not match the partial index of refusals.
        if let accepted = selection.accepted { conditions.append("outcome = '\(accepted ? "accepted" : "refused")'") }
        return try await rows(
            Read(
                """
                SELECT \(AttemptReads.columns) FROM attempts WHERE \(conditions.joined(separator: " AND "))
                ORDER BY id DESC LIMIT ?2
                """, values, .scan
            ) { try RecordedAttempt(row: $0) })
    }

    public func attempt(_ id: Int64) async throws -> RecordedAttempt? {
        try await first(
            Read("SELECT \(AttemptReads.columns) FROM attempts WHERE id = ?1", [.integer(id)]) {
                try RecordedAttempt(row: $0)
            })
    }

    public func chips(beginningWith id: String, limit: Int) async throws -> [String] {
        let seen = ["attempts", "sessions", "foreign_guests"].map {
            "SELECT chip FROM \($0) WHERE instr(chip, ?1) = 1"
        }
        return try await rows(
            Read(
                "SELECT chip FROM (\(seen.joined(separator: " UNION "))) c ORDER BY chip LIMIT ?2",
                [.text(id), .integer(limit)], .scan
            ) { try $0.text(0) })
    }

    public func auditEntries(after sequence: Int64, limit: Int) async throws -> [AuditEntry] {
        try await rows(
            Read(
                "SELECT seq, record, hash FROM audit WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                [.integer(sequence), .integer(limit)], .scan
            ) { AuditEntry(sequence: try $0.integer(0), record: try $0.text(1), hash: try $0.bytes(2)) })
    }

    /// Whether the trail has a record of an action.
    public func hasAuditRecord(of action: AuditRecord.Action) async throws -> Bool {
        try await first(
            Read(
                "SELECT 1 FROM audit WHERE instr(record, ?1) > 0 LIMIT 1",
                [.text("{\"action\":\"\(action.rawValue)\",")], .scan
            ) { _ in true }) != nil
    }

    /// The last row of the trail. PostgreSQL also stores the head in a row of its own, with which a reader can compare.
    public func auditHead() async throws -> AuditHead { try await first(AttemptReads.head) ?? .start }

    public func auditHash(of sequence: Int64) async throws -> [UInt8]? {
        try await first(Read("SELECT hash FROM audit WHERE seq = ?1", [.integer(sequence)]) { try $0.bytes(0) })
    }
}

enum AttemptReads {
    fileprivate static let columns =
        "id, time, workload, tee, session, chip, code, sentence, verdict, action, address, request, version, mark, "
        + "count, last, claims"

    static let countAgain: SQLText = "UPDATE attempts SET count = count + 1, last = ?1 WHERE mark = ?2"

    static let head = Read("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1") { row in
        AuditHead(sequence: try row.integer(0), hash: try row.bytes(1))
    }
}

extension RecordedAttempt {
    static let columnList =
        "time, action, workload, tee, session, chip, outcome, code, sentence, verdict, address, request, version, mark, "
        + "claims"

    /// PostgreSQL's placeholders for ``columns``.
    ///
    /// - Parameter first: the number of the first.
    static func placeholders(from first: Int) -> String {
        (first..<first + 15).map { "$\($0)" }.joined(separator: ", ")
    }

    /// In the order of ``columnList``.
    var columns: [Value] {
        [
            .integer(time.milliseconds), .text(action), .text(workload), .text(tee), .text(session), .text(chip),
            .text(isAccepted ? "accepted" : "refused"), .text(code?.rawValue ?? ""), .text(sentence),
            .text(verdictJSON), .text(origin.address), .text(origin.request), .text(origin.version),
            .text(repeats.mark.isEmpty ? nil : repeats.mark), .text(claims ?? ""),
        ]
    }

    /// From the columns of ``AttemptReads``.
    fileprivate init(row: any StoredRow) throws {
        let json = try row.text(8)
        // A verdict that cannot be decoded is shown as its JSON, and does not hide other attempts.
        self.init(
            id: try row.integer(0), time: Date(milliseconds: try row.integer(1)), action: try row.text(9),
            workload: try row.text(2), tee: try row.text(3), session: try row.text(4), chip: try row.text(5),
            code: Refusal.Code(rawValue: try row.text(6)), sentence: try row.text(7),
            verdict: json.isEmpty ? nil : try? VerdictRecord(json: json), verdictJSON: json,
            origin: Origin(address: try row.text(10), request: try row.text(11), version: try row.text(12)),
            repeats: Repeats(
                mark: try row.optionalText(13) ?? "", count: Int(clamping: try row.integer(14)),
                last: try row.optionalInteger(15).map { Date(milliseconds: $0) }),
            claims: try row.text(16))
    }
}
