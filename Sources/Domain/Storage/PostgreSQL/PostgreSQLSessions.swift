public import Broker
public import FoundationEssentials
import PostgreSQL

/// A guest's request and an operator's change lock the rows that both depend on, so that the trail has them in the
/// order in which they took effect: no release follows the end of its session.
extension PostgreSQLStore: SessionStore {
    public func insert(
        _ session: StoredSession, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        let values = session.columns + attempt.columns
        let query =
            switch (session.workload, initData) {
            case (nil, nil): Query(Self.insertGuest, values)
            case (nil, let initData?): Query(Self.insertGuestWithInitData, values + initData.columns)
            // Guests of workloads send no init data.
            case (_?, _): Query(Self.insertForWorkload, values)
            }
        return try await write(query, orderedBy: initData?.digest ?? session.id, recording: [record])
    }

    /// Waits for another transaction's uncommitted session with the same id.
    ///
    /// - Parameter workload: a FROM clause that locks the workload.
    private static func insert(from workload: String = "") -> String {
        """
            s AS (INSERT INTO sessions (\(StoredSession.columnList))
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \(workload)
                WHERE NOT EXISTS (SELECT FROM k WHERE retired IS NOT NULL)
                ON CONFLICT DO NOTHING RETURNING 1),
            a AS (INSERT INTO attempts (\(RecordedAttempt.columnList))
                SELECT \(RecordedAttempt.placeholders(from: 13)) FROM s)
        """
    }

    private static let key = "WITH k AS MATERIALIZED (SELECT retired FROM master_keys WHERE id = $7 FOR SHARE)"

    private static let insertGuest = "\(key), \(insert()) SELECT 1 FROM s"

    private static let insertGuestWithInitData = """
        \(key), \(insert()),
            d AS (INSERT INTO init_data (id, entries, expires) SELECT $28, $29, $30 FROM s
                ON CONFLICT (id) DO UPDATE SET expires = greatest(init_data.expires, excluded.expires))
        SELECT 1 FROM s
        """

    private static let insertForWorkload = """
        \(key), w AS MATERIALIZED (SELECT row FROM workloads WHERE row = $2 AND disabled = 0 FOR SHARE),
        \(insert(from: "FROM w")) SELECT 1 FROM s
        """

    public func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenCutoff,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let found = try await openSessions(selection, at: time)
        // In portions, so that guests' writes do not wait for a long transaction. The record, with the total, is in the
        // first portion's transaction: if the process ends between two, the trail states more ended sessions than there
        // are, never fewer.
        var ended = 0
        var left: [[UInt8]] = []
        for start in stride(from: 0, to: found.count, by: Self.portion) {
            let ids = Array(found[start..<min(start + Self.portion, found.count)])
            let later = found.count - ids.count
            let done = try await change { transaction in
                // In one transaction with the record, so that no release of these sessions follows it in the trail.
                let done = try transaction.endSessions(ids, at: time, barring: bar, waits: start == 0)
                if start == 0, done.count + later > 0 { transaction.append(record(done.count + later)) }
                return done
            }
            ended += done.count
            if start > 0 { left += Set(ids).subtracting(done) }
        }
        // Sessions that guests' writes had locked, one at a time: with several, this transaction and a guest's could
        // deadlock.
        for id in left {
            ended += try await change { try $0.endSessions([id], at: time, barring: bar, waits: true).count }
        }
        return ended
    }

    private static let portion = 500

    public func sweepSessions(before time: Date) async throws -> Int {
        try await sweep("sessions", before: time) + sweep("init_data", before: time)
            + sweep("foreign_guests", before: time)
    }

    private func sweep(_ table: String, before time: Date) async throws -> Int {
        var swept = 0
        while true {
            // In portions, so that no transaction takes long. Rows that another server is sweeping are skipped.
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
    /// Expires rows and does not remove them, so that their challenges are not answered twice.
    ///
    /// - Parameter waits: whether to wait for rows that another transaction has locked, rather than skip them.
    /// - Returns: the ids of the ended sessions.
    fileprivate func endSessions(
        _ ids: [[UInt8]], at time: Date, barring bar: TokenCutoff, waits: Bool
    ) throws -> [[UInt8]] {
        let foreign = try run(
            """
            WITH ended AS MATERIALIZED (SELECT id FROM foreign_guests WHERE id = ANY ($4) AND ends > $1
                ORDER BY id FOR UPDATE \(waits ? "" : "SKIP LOCKED"))
            UPDATE foreign_guests SET ends = $1, barred = $2, expires = greatest(expires, $3)
            FROM ended WHERE foreign_guests.id = ended.id RETURNING foreign_guests.id
            """, [.time(time), .time(bar.issued), .time(bar.kept), .blobs(ids)]
        ).rows.map { try $0.bytes(0) }
        let own = try run(
            """
            WITH ended AS MATERIALIZED (SELECT id FROM sessions WHERE id = ANY ($2) AND expires > $1
                ORDER BY id FOR UPDATE \(waits ? "" : "SKIP LOCKED"))
            UPDATE sessions SET expires = $1 FROM ended WHERE sessions.id = ended.id RETURNING sessions.id
            """, [.integer(time.seconds), .blobs(ids)]
        ).rows.map { try $0.bytes(0) }
        return foreign + own
    }
}
