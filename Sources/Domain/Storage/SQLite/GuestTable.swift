public import Broker
import FoundationEssentials
import SQLite

extension SQLiteStore: GuestStore {
    public func insert(
        _ guest: StoredGuest, attempt: RecordedAttempt, recording record: AuditRecord
    ) async throws -> Bool {
        try await writes.perform { database in
            guard try database.first(KeyReads.isRetired(guest.masterKey)) == nil else { return false }
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
}
