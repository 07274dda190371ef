public import Broker
public import FoundationEssentials

extension ReadingStore {
    public func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession] {
        let condition = SessionCondition(selection, from: 4)
        // Each half in the order of its key, so that neither is read further than the page.
        return try await rows(
            Read(
                """
                SELECT id, workload, tee, chip, opened, expires FROM (
                    SELECT * FROM (SELECT s.id, w.id AS workload, w.tee, s.chip, s.opened, s.expires
                        FROM sessions s JOIN workloads w ON w.row = s.workload
                        WHERE s.id > ?1 AND s.expires > ?2 AND \(condition.ofSessions) ORDER BY s.id LIMIT ?3) a
                    UNION ALL
                    SELECT * FROM (SELECT s.id, NULL, s.tee, s.chip, s.opened, s.expires FROM guests s
                        WHERE s.id > ?1 AND s.expires > ?2 AND \(condition.ofGuests) ORDER BY s.id LIMIT ?3) b) o
                ORDER BY id LIMIT ?3
                """, [.bytes(id), .time(time), .integer(limit)] + condition.values, .scan
            ) { row in
                OpenSession(
                    id: try row.bytes(0), workload: try row.optionalText(1).map { try WorkloadID($0) },
                    tee: try row.text(2), chip: try row.text(3), opened: try row.date(4), expires: try row.date(5))
            })
    }

    /// The ids of open sessions, in their order.
    func openSessions(_ selection: SessionSelection, at time: Date) async throws -> [[UInt8]] {
        let condition = SessionCondition(selection, from: 2)
        return try await rows(
            Read(
                """
                SELECT id FROM (
                    SELECT s.id FROM sessions s JOIN workloads w ON w.row = s.workload
                        WHERE s.expires > ?1 AND \(condition.ofSessions)
                    UNION ALL SELECT s.id FROM guests s WHERE s.expires > ?1 AND \(condition.ofGuests)) o ORDER BY id
                """, [.time(time)] + condition.values, .scan
            ) { try $0.bytes(0) })
    }

    public func countSessions(at time: Date) async throws -> Int {
        try await first(
            Read(
                """
                SELECT (SELECT count(*) FROM sessions WHERE expires > ?1)
                    + (SELECT count(*) FROM guests WHERE expires > ?1)
                """, [.time(time)], .scan
            ) { try $0.int(0) }) ?? 0
    }

    public func guest(_ id: [UInt8], at time: Date) async throws -> StoredGuest? {
        try await first(
            Read(SessionReads.guest, [.bytes(id), .time(time)]) { row in
                StoredGuest(
                    id: id, claims: try row.text(0), key: try row.text(1), verdict: try row.text(2),
                    token: try row.text(3), tee: try row.text(4), chip: try row.text(5), opened: try row.date(6),
                    expires: try row.date(7), code: try row.bytes(8), masterKey: try row.text(9))
            })
    }
}

enum SessionReads {
    fileprivate static let guest: SQLText = """
        SELECT claims, key, verdict, token, tee, chip, opened, expires, code, master_key FROM guests
        WHERE id = ?1 AND expires > ?2
        """
}

/// Which sessions are meant, in SQL.
private struct SessionCondition: Sendable {
    /// Over `sessions s` and `workloads w`.
    let ofSessions: String
    /// Over `guests s`, which have no workload.
    let ofGuests: String
    let values: [Value]

    /// - Parameter number: of the first parameter.
    init(_ selection: SessionSelection, from number: Int) {
        var conditions: [String] = []
        var values: [Value] = []
        func add(_ column: String, _ value: Value) {
            conditions.append("\(column) = ?\(number + values.count)")
            values.append(value)
        }
        if let id = selection.id { add("s.id", .bytes(id)) }
        if let chip = selection.chip { add("s.chip", .text(chip)) }
        let common = conditions.isEmpty ? "1 = 1" : conditions.joined(separator: " AND ")
        if let workload = selection.workload { add("w.id", .text(workload.text)) }
        ofSessions = conditions.isEmpty ? "1 = 1" : conditions.joined(separator: " AND ")
        ofGuests = selection.workload == nil ? common : "1 = 0"
        self.values = values
    }
}
