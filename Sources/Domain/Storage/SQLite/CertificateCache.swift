public import Broker
public import Evidence
import FoundationEssentials
import SQLite

extension SQLiteStore: CertificateStore {
    public func certificates(named names: [String]) async throws -> [Certificate] {
        let found = try read { database in
            try names.flatMap { name in
                try DatabaseValue.fetchAll(
                    database.cachedStatement(sql: "SELECT der FROM certificates WHERE name = ? ORDER BY added DESC"),
                    arguments: [name])
            }
        }
        // A damaged entry is as good as none: what is missing is found elsewhere and verified anyway.
        return found.compactMap { [UInt8](databaseValue: $0) }.compactMap { try? Certificate(der: $0) }
    }

    public func keep(_ certificates: [NamedCertificate]) async throws {
        let now = Date()
        try await writes.perform { database in
            for entry in certificates {
                try database.cachedStatement(
                    sql: """
                        INSERT INTO certificates (fingerprint, der, name, added) VALUES (?, ?, ?, ?)
                        ON CONFLICT DO NOTHING
                        """
                ).execute(arguments: [
                    entry.certificate.fingerprint, entry.certificate.der, entry.name, now.seconds,
                ])
                try Self.forgetOldest(beside: entry.name, in: database)
            }
        }
    }
}

extension SQLiteStore {
    private static func forgetOldest(beside name: String, in database: Database) throws {
        guard let (from, to) = KeysOfChip.names(beside: name) else { return }
        let arguments: StatementArguments = ["from": from, "to": to, "name": name, "most": KeysOfChip.most]
        try database.cachedStatement(
            sql: """
                DELETE FROM certificates WHERE (name, fingerprint) IN
                    (SELECT name, fingerprint FROM certificates WHERE name >= :from AND name < :to
                    ORDER BY added DESC, name = :name DESC LIMIT -1 OFFSET :most)
                """
        ).execute(arguments: arguments)
    }
}

extension SQLiteStore: CertificateInventory {
    public func certificates(after fingerprint: [UInt8], limit: Int) async throws -> [KeptCertificate] {
        try await scan { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT min(name), der, min(added) FROM certificates WHERE fingerprint > ?
                        GROUP BY fingerprint ORDER BY fingerprint LIMIT ?
                        """), arguments: [fingerprint, limit]
            ).compactMap { row in
                // Nor is whoever asks for a list helped by an error.
                guard let der = [UInt8](databaseValue: try row[1]), let certificate = try? Certificate(der: der) else {
                    return nil
                }
                return try KeptCertificate(name: row[0], certificate: certificate, added: Date(seconds: row[2]))
            }
        }
    }

    public func removeCertificate(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool {
        try await writes.perform { database in
            try database.cachedStatement(sql: "DELETE FROM certificates WHERE fingerprint = ?")
                .execute(arguments: [fingerprint])
            guard database.changesCount > 0 else { return false }
            try database.append(record)
            return true
        }
    }
}
