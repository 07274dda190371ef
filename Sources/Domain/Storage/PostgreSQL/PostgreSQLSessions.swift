public import Broker
import FoundationEssentials
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
}

extension Transaction {
    func endSessions(_ ids: [[UInt8]], at time: Date, barring bar: TokenCutoff, waits: Bool) throws -> [[UInt8]] {
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
