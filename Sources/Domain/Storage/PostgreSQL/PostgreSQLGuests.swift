public import Broker
import FoundationEssentials

extension PostgreSQLStore: GuestStore {
    public func insert(
        _ guest: StoredGuest, initData: StoredInitData?, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        let values = guest.columns + attempt.columns
        let query =
            if let initData { Query(Self.insertWithInitData, values + initData.columns) } else {
                Query(Self.insertAlone, values)
            }
        return try await write(query, orderedBy: initData?.digest ?? guest.id, recording: [record])
    }

    /// Someone else's guest with the same id that is not committed yet is waited for.
    private static let insert = """
        WITH k AS MATERIALIZED (SELECT retired FROM master_keys WHERE id = $6 FOR SHARE),
            g AS (INSERT INTO guests (\(StoredGuest.columnList))
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12
                WHERE NOT EXISTS (SELECT FROM k WHERE retired IS NOT NULL)
                ON CONFLICT DO NOTHING RETURNING 1),
            a AS (INSERT INTO attempts (\(RecordedAttempt.columnList))
                SELECT \(RecordedAttempt.placeholders(from: 13)) FROM g)
        """

    private static let insertAlone = "\(insert) SELECT 1 FROM g"

    private static let insertWithInitData = """
        \(insert),
            d AS (INSERT INTO init_data (id, entries, expires) SELECT $28, $29, $30 FROM g
                ON CONFLICT (id) DO UPDATE SET expires = greatest(init_data.expires, excluded.expires))
        SELECT 1 FROM g
        """
}
