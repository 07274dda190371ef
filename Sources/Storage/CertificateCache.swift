public import Broker
public import Evidence
import Foundation
import GRDB

extension SQLiteStore: CertificateStore {
    public func certificates(named names: [String]) async throws -> [Certificate] {
        let found = try read { database in
            try names.flatMap { name in
                try Data.fetchAll(
                    database.cachedStatement(sql: "SELECT der FROM certificates WHERE name = ? ORDER BY added DESC"),
                    arguments: [name])
            }
        }
        // A damaged entry is as good as none: what is missing is found elsewhere and verified anyway.
        return found.compactMap { try? Certificate(der: Array($0)) }
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
                    Data(entry.certificate.fingerprint), Data(entry.certificate.der), entry.name, now.seconds,
                ])
            }
        }
    }
}
