public import Broker
public import FoundationEssentials

extension ReadingStore {
    public func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession] {
        let condition = SessionCondition(selection, from: 4)
        // Each half is read in its key's order, and not beyond the page.
        return try await rows(
            Read(
                """
                SELECT id, workload, tee, chip, opened, expires, issuer FROM (
                    SELECT * FROM (SELECT s.id, w.id AS workload, s.tee, s.chip, s.opened, s.expires, '' AS issuer
                        FROM sessions s LEFT JOIN workloads w ON w.row = s.workload
                        WHERE s.id > ?1 AND s.expires > ?2 AND \(condition.ofSessions) ORDER BY s.id LIMIT ?3) a
                    UNION ALL
                    SELECT * FROM (SELECT s.id, NULL, s.tee, s.chip, s.opened, s.ends, s.issuer FROM foreign_guests s
                        WHERE s.id > ?1 AND s.ends > ?2 AND \(condition.ofForeign) ORDER BY s.id LIMIT ?3) b) o
                ORDER BY id LIMIT ?3
                """, [.bytes(id), .time(time), .integer(limit)] + condition.values, .scan
            ) { row in
                OpenSession(
                    id: try row.bytes(0), workload: try row.optionalText(1).map { try WorkloadID($0) },
                    tee: try row.text(2), chip: try row.text(3), opened: try row.date(4), expires: try row.date(5),
                    issuer: try row.optionalText(6).flatMap { $0.isEmpty ? nil : $0 })
            })
    }

    /// The ids of open sessions, sorted.
    func openSessions(_ selection: SessionSelection, at time: Date) async throws -> [[UInt8]] {
        let condition = SessionCondition(selection, from: 2)
        return try await rows(
            Read(
                """
                SELECT id FROM (
                    SELECT s.id FROM sessions s LEFT JOIN workloads w ON w.row = s.workload
                        WHERE s.expires > ?1 AND \(condition.ofSessions)
                    UNION ALL SELECT s.id FROM foreign_guests s WHERE s.ends > ?1 AND \(condition.ofForeign)) o
                ORDER BY id
                """, [.time(time)] + condition.values, .scan
            ) { try $0.bytes(0) })
    }

    public func countSessions(at time: Date) async throws -> Int {
        try await first(
            Read(
                """
                SELECT (SELECT count(*) FROM sessions WHERE expires > ?1)
                    + (SELECT count(*) FROM foreign_guests WHERE ends > ?1)
                """, [.time(time)], .scan
            ) { try $0.int(0) }) ?? 0
    }

    /// Reads the manifest's seal too, even when there is no session, so that the deny list is as new as the answer.
    public func session(_ id: [UInt8], at time: Date) async throws -> StoredSession? {
        let found = try await genuine(
            Read(SessionReads.session, [.bytes(id), .time(time)]) { row in
                let session = try row.optionalText(2) == nil ? nil : try StoredSession(row: row, from: 0)
                return try row.deciding(session, seal: StoredSession.columnCount)
            })
        return found ?? nil
    }
}

extension ReadingStore {
    public func initData(_ digest: [UInt8]) async throws -> String? {
        try await first(
            Read("SELECT entries FROM init_data WHERE id = ?1", [.bytes(digest)], .large) { try $0.text(0) })
    }

    public func keepsInitData(_ digest: [UInt8], until time: Date) async throws -> Bool {
        try await first(
            Read("SELECT 1 FROM init_data WHERE id = ?1 AND expires >= ?2", [.bytes(digest), .time(time)]) { _ in true }
        ) != nil
    }
}

extension StoredForeignGuest {
    static let columnList = "id, issuer, tee, chip, opened, ends, barred, expires"

    /// The first six of ``columnList``, and the token's `iat`.
    func columns(at time: Date) -> [Value] {
        [.bytes(id), .text(issuer), .text(tee), .text(chip), .time(time), .time(expires), .time(issued)]
    }
}

enum SessionReads {
    /// Whether a session is open.
    static func isOpen(_ id: [UInt8], at time: Date) -> Read<Bool> {
        Read(isOpen, [.bytes(id), .time(time)]) { _ in true }
    }

    private static let isOpen: SQLText = "SELECT 1 FROM sessions WHERE id = ?1 AND expires > ?2"

    fileprivate static let session: SQLText = """
        SELECT \(StoredSession.columnList(of: "s")), \(SealColumns.columns)
        FROM (SELECT 1) o LEFT JOIN sessions s ON s.id = ?1 AND s.workload IS NULL AND s.expires > ?2
            \(SealColumns.join)
        """
}

extension StoredSession {
    private static let columnNames = [
        "id", "workload", "tee", "chip", "opened", "expires", "master_key", "code", "init_data", "claims", "key",
        "token",
    ]

    static let columnCount = columnNames.count
    static let columnList = columnNames.joined(separator: ", ")

    static func columnList(of table: String) -> String {
        columnNames.map { "\(table).\($0)" }.joined(separator: ", ")
    }

    /// In the order of ``columnList``.
    var columns: [Value] {
        [
            .bytes(id), .integer(workload), .text(tee), .text(chip), .time(opened), .time(expires), .text(masterKey),
            .bytes(code), .bytes(initData), .text(claims), .text(key), .text(token),
        ]
    }

    /// - Parameter first: the first column of ``columnList``.
    init(row: any StoredRow, from first: Int) throws {
        self.init(
            id: try row.bytes(first), workload: try row.optionalInteger(first + 1), tee: try row.text(first + 2),
            chip: try row.text(first + 3), claims: try row.text(first + 9), initData: try row.bytes(first + 8),
            key: try row.text(first + 10), token: try row.text(first + 11), opened: try row.date(first + 4),
            expires: try row.date(first + 5), code: try row.bytes(first + 7), masterKey: try row.text(first + 6))
    }
}

extension StoredInitData {
    /// In the order of the table's columns.
    var columns: [Value] { [.bytes(digest), .text(entries), .time(expires)] }
}

/// A ``SessionSelection`` as SQL conditions.
private struct SessionCondition: Sendable {
    /// Over `sessions s` and `workloads w`, which may be NULL.
    let ofSessions: String
    /// Over `foreign_guests s`.
    let ofForeign: String
    let values: [Value]

    /// - Parameter number: the number of the first parameter.
    init(_ selection: SessionSelection, from number: Int) {
        let none = "1 = 0"
        // No guest of another verifier has a workload. Unused parameters are not allowed, so none are passed.
        guard selection.workload == nil || selection.issuer == nil else {
            (ofSessions, ofForeign, values) = (none, none, [])
            return
        }
        var conditions: [String] = []
        var values: [Value] = []
        func add(_ column: String, _ value: Value) {
            conditions.append("\(column) = ?\(number + values.count)")
            values.append(value)
        }
        func all() -> String { conditions.isEmpty ? "1 = 1" : conditions.joined(separator: " AND ") }
        if let id = selection.id { add("s.id", .bytes(id)) }
        if let chip = selection.chip { add("s.chip", .text(chip)) }
        let common = all()
        if let workload = selection.workload {
            add("w.id", .text(workload.text))
            (ofSessions, ofForeign) = (all(), none)
        } else if let issuer = selection.issuer {
            add("s.issuer", .text(issuer))
            (ofSessions, ofForeign) = (none, all())
        } else {
            (ofSessions, ofForeign) = (common, common)
        }
        self.values = values
    }
}
