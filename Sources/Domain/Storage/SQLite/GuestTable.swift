public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: GuestStore {
    public func insert(
        _ guest: StoredGuest, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        try await writes.perform { database in
            guard try !Self.isRetired(guest.masterKey, in: database) else { return false }
            try database.cachedStatement(
                sql: """
                    INSERT INTO guests (id, tee, chip, opened, expires, master_key, code, claims, key, verdict, token)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [
                guest.id, guest.tee, guest.chip, guest.opened.seconds, guest.expires.seconds, guest.masterKey,
                guest.code, guest.claims, guest.key, guest.verdict, guest.token,
            ])
            guard database.changesCount > 0 else { return false }
            try database.insert(attempt)
            try database.append(record)
            return true
        }
    }

    public func guest(_ id: [UInt8], at time: Date) async throws -> StoredGuest? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT claims, key, verdict, token, tee, chip, opened, expires, code, master_key FROM guests
                        WHERE id = ? AND expires > ?
                        """), arguments: [id, time.seconds]
            ).map { row in
                try StoredGuest(
                    id: id, claims: row[0], key: row[1], verdict: row[2], token: row[3], tee: row[4], chip: row[5],
                    opened: Date(seconds: row[6]), expires: Date(seconds: row[7]), code: row[8],
                    masterKey: row[9])
            }
        }
    }
}
