public import Broker
public import Evidence
import FoundationEssentials

extension PostgreSQLStore: CertificateStore {
    public func certificates(named names: [String]) async throws -> [Certificate] {
        let found = try await lookUp(
            """
            SELECT der FROM certificates WHERE name = ANY ($1)
            ORDER BY array_position($1, name COLLATE "default"), added DESC
            """, [.texts(names)])
        // A damaged entry is as good as none: what is missing is found elsewhere and verified anyway.
        return try found.rows.map { try $0.bytes(0) }.compactMap { try? Certificate(der: $0) }
    }

    public func keep(_ certificates: [NamedCertificate]) async throws {
        let now = Date()
        try await change { transaction in
            for entry in certificates {
                try transaction.run(
                    """
                    INSERT INTO certificates (fingerprint, der, name, added) VALUES ($1, $2, $3, $4)
                    ON CONFLICT DO NOTHING
                    """,
                    [
                        .bytes(entry.certificate.fingerprint), .bytes(entry.certificate.der), .text(entry.name),
                        .integer(now.seconds),
                    ])
                guard let (from, to) = KeysOfChip.names(beside: entry.name) else { continue }
                try transaction.run(
                    """
                    DELETE FROM certificates WHERE (name, fingerprint) IN
                        (SELECT name, fingerprint FROM certificates WHERE name >= $1 AND name < $2
                        ORDER BY added DESC, name = $3 DESC OFFSET $4)
                    """, [.text(from), .text(to), .text(entry.name), .integer(KeysOfChip.most)])
            }
        }
    }
}

extension PostgreSQLStore: CertificateInventory {
    public func certificates(after fingerprint: [UInt8], limit: Int) async throws -> [KeptCertificate] {
        try await scan(
            """
            SELECT min(name), (array_agg(der))[1], min(added) FROM certificates WHERE fingerprint > $1
            GROUP BY fingerprint ORDER BY fingerprint LIMIT $2
            """, [.bytes(fingerprint), .integer(limit)]
        ).rows.compactMap { row in
            guard let certificate = try? Certificate(der: row.bytes(1)) else { return nil }
            return KeptCertificate(
                name: try row.text(0), certificate: certificate, added: Date(seconds: try row.integer(2)))
        }
    }

    public func removeCertificate(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool {
        try await change { transaction in
            let removed = try transaction.run(
                "DELETE FROM certificates WHERE fingerprint = $1", [.bytes(fingerprint)])
            guard removed.changes > 0 else { return false }
            transaction.append(record)
            return true
        }
    }
}
