public import Broker
public import FoundationEssentials

extension ReadingStore {
    public func serverKeys(named name: String) async throws -> [StoredServerKey] {
        try await rows(KeyReads.serverKeys(named: name))
    }

    public func serverKeys(notUnder masterKey: String) async throws -> [StoredServerKey] {
        try await rows(KeyReads.serverKeys("WHERE master_key <> ?1 OR ?1 = '' ORDER BY name, id", masterKey))
    }

    public func isAnythingSealed(notUnder masterKey: String) async throws -> Bool {
        // Two ranges each, which an index supports, in place of an inequality.
        let found = try await first(
            Read(
                """
                SELECT 1 WHERE EXISTS (SELECT 1 FROM secrets WHERE master_key < ?1)
                    OR EXISTS (SELECT 1 FROM secrets WHERE master_key > ?1)
                    OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key < ?1)
                    OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key > ?1)
                    OR EXISTS (SELECT 1 FROM server_keys WHERE master_key <> ?1)
                    OR EXISTS (SELECT 1 FROM manifest_seal WHERE master_key <> ?1)
                """, [.text(masterKey)]
            ) { _ in true })
        return found != nil
    }

    public func masterKeyUsage(at time: Date) async throws -> [MasterKeyUsage] {
        // In one statement, which sees one state of the database.
        try await rows(
            Read(
                """
                SELECT k.id, coalesce(x.count, 0), coalesce(v.count, 0), coalesce(s.count, 0), s.last,
                    m.activated, m.superseded, m.retired, coalesce(r.count, 0)
                FROM (SELECT id FROM master_keys UNION SELECT master_key FROM secrets
                        UNION SELECT master_key FROM server_keys UNION SELECT master_key FROM resource_versions
                        UNION SELECT master_key FROM manifest_seal
                        UNION SELECT master_key FROM sessions WHERE expires > ?1) k
                    LEFT JOIN master_keys m ON m.id = k.id
                    LEFT JOIN (SELECT master_key, count(*) count FROM secrets GROUP BY 1) x ON x.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count
                        FROM (SELECT master_key FROM server_keys UNION ALL SELECT master_key FROM manifest_seal) y
                        GROUP BY 1) v ON v.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count FROM resource_versions GROUP BY 1) r
                        ON r.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count, max(expires) last
                        FROM sessions WHERE expires > ?1 GROUP BY 1) s
                        ON s.master_key = k.id
                ORDER BY m.activated NULLS FIRST, k.id
                """, [.time(time)], .scan
            ) { row in
                var usage = MasterKeyUsage(id: try row.text(0))
                (usage.secrets, usage.serverKeys, usage.sessions) = (try row.int(1), try row.int(2), try row.int(3))
                usage.lastSession = try row.optionalDate(4)
                usage.activated = try row.optionalDate(5)
                usage.superseded = try row.optionalDate(6)
                usage.retired = try row.optionalDate(7)
                usage.resources = try row.int(8)
                return usage
            })
    }
}

enum KeyReads {
    fileprivate static func serverKeys(_ condition: String, _ value: String) -> Read<StoredServerKey> {
        Read(
            "SELECT name, id, sealed, master_key, created FROM server_keys \(condition)", [.text(value)]
        ) { row in
            StoredServerKey(
                name: try row.text(0), id: try row.text(1),
                sealed: Sealed(bytes: try row.bytes(2), masterKey: try row.text(3)), created: try row.date(4))
        }
    }

    /// Oldest first.
    static func serverKeys(named name: String) -> Read<StoredServerKey> {
        serverKeys("WHERE name = ?1 ORDER BY created, id", name)
    }

    static func isActive(_ id: String, lock: String = "") -> Read<Bool> {
        Read(SQLText("SELECT 1 FROM master_keys WHERE id = ?1 AND superseded IS NULL", lock: lock), [.text(id)]) {
            _ in true
        }
    }

    static func otherActive(than id: String) -> Read<String> {
        Read(
            "SELECT id FROM master_keys WHERE id <> ?1 AND superseded IS NULL ORDER BY activated DESC, id LIMIT 1",
            [.text(id)]
        ) { try $0.text(0) }
    }

    /// Whether a key is active, and no other is.
    static func isOnlyActive(_ id: String) -> Read<Bool> {
        Read(
            """
            SELECT 1 FROM master_keys WHERE id = ?1 AND superseded IS NULL AND retired IS NULL
                AND NOT EXISTS (SELECT 1 FROM master_keys WHERE id <> ?1 AND superseded IS NULL)
            """, [.text(id)]
        ) { _ in true }
    }

    /// Whether a key is retired. The row of one that is not is locked too.
    static func isRetired(_ id: String, lock: String = "FOR SHARE") -> Read<Bool> {
        Read(SQLText("SELECT retired FROM master_keys WHERE id = ?1", lock: lock), [.text(id)]) {
            try $0.optionalInteger(0) != nil
        }
    }

    /// Whether a row or a live session is under a key.
    static func isUsed(_ id: String, at time: Date) -> Read<Bool> {
        Read(
            """
            SELECT 1 WHERE EXISTS (SELECT 1 FROM secrets WHERE master_key = ?1)
                OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key = ?1)
                OR EXISTS (SELECT 1 FROM server_keys WHERE master_key = ?1)
                OR EXISTS (SELECT 1 FROM manifest_seal WHERE master_key = ?1)
                OR EXISTS (SELECT 1 FROM sessions WHERE master_key = ?1 AND expires > ?2)
            """, [.text(id), .time(time)]
        ) { _ in true }
    }
}
