public import Broker
import Evidence
public import Foundation

/// What a guest's request and an operator's change both depend on is locked by both, so that the trail has them in the
/// order in which they took effect: a release after the end of its session cannot be.
extension PostgreSQLStore {
    public func insert(
        _ session: Session, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        let (binding, exponent) = session.binding.columns
        let query = Query(
            Self.insertSession,
            [
                .bytes(session.id), .integer(session.workload), .bytes(binding), .bytes(exponent), .text(session.chip),
                .integer(session.expires.seconds), .bytes(session.code), .integer(session.opened.seconds),
                .text(session.masterKey),
            ] + attempt.columns)
        return try await write(query, orderedBy: session.id, recording: [record])
    }

    /// Someone else's session with the same id that is not committed yet is waited for.
    private static let insertSession = """
        WITH k AS MATERIALIZED (SELECT retired FROM master_keys WHERE id = $9 FOR SHARE),
            w AS MATERIALIZED (SELECT row FROM workloads WHERE row = $2 AND disabled = 0 FOR SHARE),
            s AS (INSERT INTO sessions (id, workload, binding, exponent, chip, expires, code, opened, master_key)
                SELECT $1, w.row, $3, $4, $5, $6, $7, $8, $9 FROM w
                WHERE NOT EXISTS (SELECT FROM k WHERE retired IS NOT NULL)
                ON CONFLICT DO NOTHING RETURNING 1),
            a AS (INSERT INTO attempts (time, workload, tee, session, chip, outcome, code, sentence, verdict)
                SELECT $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM s)
        SELECT 1 FROM s
        """

    public func grant(session id: [UInt8], at time: Date) async throws -> Grant? {
        let sql = """
            SELECT w.row, w.id, w.tee, w.registered, m.digest, c.tee_config, c.policy, w.disabled,
                s.binding, s.exponent, s.chip, s.opened, s.expires, s.code, s.master_key,
                x.sealed, x.master_key
            FROM sessions s JOIN workloads w ON w.row = s.workload JOIN measurements m ON m.workload = w.row
                JOIN configs c ON c.workload = w.row JOIN secrets x ON x.workload = w.row
            WHERE s.id = $1 AND s.expires > $2
            """
        return try await lookUp(sql, [.bytes(id), .integer(time.seconds)]).first.map { row in
            let workload = try Workload(row: row)
            return Grant(
                session: Session(
                    id: id, workload: workload.row,
                    binding: .init(binding: try row.bytes(8), exponent: try row.optionalBytes(9)),
                    chip: try row.text(10), opened: Date(seconds: try row.integer(11)),
                    expires: Date(seconds: try row.integer(12)), code: try row.bytes(13),
                    masterKey: try row.text(14)),
                workload: workload, sealedSecret: Sealed(bytes: try row.bytes(15), masterKey: try row.text(16)))
        }
    }

    public func recordRelease(to session: [UInt8], at time: Date, recording record: AuditRecord) async throws -> Bool {
        // The workload first, as whoever removes it locks it before its sessions.
        let sql = """
            WITH w AS MATERIALIZED (SELECT row FROM workloads
                WHERE row = (SELECT workload FROM sessions WHERE id = $1) AND disabled = 0 FOR SHARE)
            SELECT 1 FROM sessions s, w WHERE s.id = $1 AND s.workload = w.row AND s.expires > $2 FOR SHARE OF s
            """
        return try await write(
            Query(sql, [.bytes(session), .integer(time.seconds)]), orderedBy: session, recording: [record])
    }

    public func sessions(
        _ selection: SessionSelection, after id: [UInt8], limit: Int, at time: Date
    ) async throws -> [OpenSession] {
        let (condition, values) = selection.condition(from: 4)
        return try await scan(
            """
            SELECT s.id, w.id, w.tee, s.chip, s.opened, s.expires
            FROM sessions s JOIN workloads w ON w.row = s.workload
            WHERE s.id > $1 AND s.expires > $2 AND \(condition) ORDER BY s.id LIMIT $3
            """, [.bytes(id), .integer(time.seconds), .integer(limit)] + values
        ).rows.map { row in
            guard let tee = TEE(rawValue: try row.text(2)) else {
                throw UnexpectedAnswer(description: "the workload \(try row.text(1)) has an unknown technology")
            }
            return OpenSession(
                id: try row.bytes(0), workload: try WorkloadID(row.text(1)), tee: tee, chip: try row.text(3),
                opened: Date(seconds: try row.integer(4)), expires: Date(seconds: try row.integer(5)))
        }
    }

    public func endSessions(
        _ selection: SessionSelection, at time: Date, recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let (condition, values) = selection.condition(from: 2)
        let found = try await scan(
            """
            SELECT s.id FROM sessions s JOIN workloads w ON w.row = s.workload
            WHERE s.expires > $1 AND \(condition) ORDER BY s.id
            """, [.integer(time.seconds)] + values
        ).rows.map { try $0.bytes(0) }
        // In portions, so that guests' writes do not wait behind a long transaction. The record is in the first one's:
        // should the process end between two, the trail says of more sessions than were ended, and never of fewer.
        var ended = 0
        for start in stride(from: 0, to: found.count, by: Self.portion) {
            let ids = Array(found[start..<min(start + Self.portion, found.count)])
            let later = found.count - ids.count
            ended += try await change { transaction in
                // A row is not removed, as it is what remembers that a challenge was answered. In the order of their
                // ids, as guests' writes have them.
                let count = try transaction.run(
                    """
                    WITH ended AS MATERIALIZED (SELECT id FROM sessions WHERE id = ANY ($2) AND expires > $1
                        ORDER BY id FOR UPDATE)
                    UPDATE sessions SET expires = $1 FROM ended WHERE sessions.id = ended.id
                    """, [.integer(time.seconds), .blobs(ids)]
                ).changes
                if start == 0, count + later > 0 { transaction.append(record(count + later)) }
                return count
            }
        }
        return ended
    }

    private static let portion = 500

    public func sweepSessions(before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that no transaction takes long. What another server sweeps is left to it.
            let portion = try await change(takesLong: true) { transaction in
                try transaction.run(
                    """
                    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= $1
                        ORDER BY expires LIMIT 2000 FOR UPDATE SKIP LOCKED)
                    """, [.integer(time.seconds)]
                ).changes
            }
            swept += portion
            if portion == 0 { return swept }
        }
    }
}

extension SessionSelection {
    /// SQL over `sessions s` and `workloads w`.
    ///
    /// - Parameter number: of the first parameter.
    fileprivate func condition(from number: Int) -> (sql: String, values: [Value]) {
        var conditions: [String] = []
        var values: [Value] = []
        func add(_ column: String, _ value: Value) {
            conditions.append("\(column) = $\(number + values.count)")
            values.append(value)
        }
        if let id { add("s.id", .bytes(id)) }
        if let workload { add("w.id", .text(workload.text)) }
        if let chip { add("s.chip", .text(chip)) }
        return (conditions.isEmpty ? "true" : conditions.joined(separator: " AND "), values)
    }
}
