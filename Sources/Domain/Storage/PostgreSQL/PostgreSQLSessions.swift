public import Broker
public import FoundationEssentials

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
                .text(session.masterKey), .bytes(session.endorsers),
            ] + attempt.columns)
        return try await write(query, orderedBy: session.id, recording: [record])
    }

    /// Someone else's session with the same id that is not committed yet is waited for.
    private static let insertSession = """
        WITH k AS MATERIALIZED (SELECT retired FROM master_keys WHERE id = $9 FOR SHARE),
            w AS MATERIALIZED (SELECT row FROM workloads WHERE row = $2 AND disabled = 0 FOR SHARE),
            s AS (INSERT INTO sessions
                    (id, workload, binding, exponent, chip, expires, code, opened, master_key, endorsers)
                SELECT $1, w.row, $3, $4, $5, $6, $7, $8, $9, $10 FROM w
                WHERE NOT EXISTS (SELECT FROM k WHERE retired IS NOT NULL)
                ON CONFLICT DO NOTHING RETURNING 1),
            a AS (INSERT INTO attempts (\(RecordedAttempt.columnList))
                SELECT $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24 FROM s)
        SELECT 1 FROM s
        """

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

    public func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenBar,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let found = try await openSessions(selection, at: time)
        // In portions, so that guests' writes do not wait behind a long transaction. The record is in the first one's:
        // should the process end between two, the trail says of more sessions than were ended, and never of fewer.
        var ended = 0
        var left: [[UInt8]] = []
        for start in stride(from: 0, to: found.count, by: Self.portion) {
            let ids = Array(found[start..<min(start + Self.portion, found.count)])
            let later = found.count - ids.count
            let done = try await change { transaction in
                // With the record, so that no release of these comes after it in the trail.
                let done = try transaction.endSessions(ids, at: time, barring: bar, waits: start == 0)
                if start == 0, done.count + later > 0 { transaction.append(record(done.count + later)) }
                return done
            }
            ended += done.count
            if start > 0 { left += Set(ids).subtracting(done) }
        }
        // Those that guests' writes had just then, one at a time: with several, this and a guest's could wait for each
        // other.
        for id in left {
            ended += try await change { try $0.endSessions([id], at: time, barring: bar, waits: true).count }
        }
        return ended
    }

    private static let portion = 500

    public func sweepSessions(before time: Date) async throws -> Int {
        try await sweep("sessions", before: time) + sweep("guests", before: time)
            + sweep("init_data", before: time) + sweep("foreign_guests", before: time)
    }

    private func sweep(_ table: String, before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that no transaction takes long. What another server sweeps is left to it.
            let portion = try await change(takesLong: true) { transaction in
                try transaction.run(
                    """
                    DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) WHERE expires <= $1
                        ORDER BY expires LIMIT 2000 FOR UPDATE SKIP LOCKED)
                    """, [.integer(time.seconds)]
                ).changes
            }
            swept += portion
            if portion == 0 { return swept }
        }
    }
}

extension Transaction {
    /// A row is not removed, as it is what remembers that a challenge was answered.
    ///
    /// - Parameter waits: whether those are waited for that another transaction has.
    /// - Returns: the ids of those that were ended.
    fileprivate func endSessions(
        _ ids: [[UInt8]], at time: Date, barring bar: TokenBar, waits: Bool
    ) throws -> [[UInt8]] {
        let foreign = try run(
            """
            WITH ended AS MATERIALIZED (SELECT id FROM foreign_guests WHERE id = ANY ($4) AND ends > $1
                ORDER BY id FOR UPDATE \(waits ? "" : "SKIP LOCKED"))
            UPDATE foreign_guests SET ends = $1, barred = $2, expires = greatest(expires, $3)
            FROM ended WHERE foreign_guests.id = ended.id RETURNING foreign_guests.id
            """, [.time(time), .time(bar.issued), .time(bar.kept), .blobs(ids)]
        ).rows.map { try $0.bytes(0) }
        return try foreign
            + ["sessions", "guests"].flatMap { table in
                try run(
                    """
                    WITH ended AS MATERIALIZED (SELECT id FROM \(table) WHERE id = ANY ($2) AND expires > $1
                        ORDER BY id FOR UPDATE \(waits ? "" : "SKIP LOCKED"))
                    UPDATE \(table) SET expires = $1 FROM ended WHERE \(table).id = ended.id RETURNING \(table).id
                    """, [.integer(time.seconds), .blobs(ids)]
                ).rows.map { try $0.bytes(0) }
            }
    }
}
