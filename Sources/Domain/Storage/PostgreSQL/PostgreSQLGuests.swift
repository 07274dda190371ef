public import Broker
import FoundationEssentials

extension PostgreSQLStore: GuestStore {
    public func insert(
        _ guest: StoredGuest, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        let query = Query(
            Self.insertGuest,
            [
                .bytes(guest.id), .text(guest.tee), .text(guest.chip), .integer(guest.opened.seconds),
                .integer(guest.expires.seconds), .text(guest.masterKey), .bytes(guest.code), .text(guest.claims),
                .text(guest.key), .text(guest.verdict), .text(guest.token),
            ] + attempt.columns)
        return try await write(query, orderedBy: guest.id, recording: [record])
    }

    /// Someone else's guest with the same id that is not committed yet is waited for.
    private static let insertGuest = """
        WITH k AS MATERIALIZED (SELECT retired FROM master_keys WHERE id = $6 FOR SHARE),
            g AS (INSERT INTO guests (id, tee, chip, opened, expires, master_key, code, claims, key, verdict, token)
                SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
                WHERE NOT EXISTS (SELECT FROM k WHERE retired IS NOT NULL)
                ON CONFLICT DO NOTHING RETURNING 1),
            a AS (INSERT INTO attempts (\(RecordedAttempt.columnList))
                SELECT $12, $13, $14, $15, $16, $17, $18, $19, $20, $21 FROM g)
        SELECT 1 FROM g
        """
}
