public import Broker
import Evidence
public import FoundationEssentials

/// What is sealed under which master key.
extension PostgreSQLStore {
    public func insert(_ key: StoredServerKey) async throws { try await change { try $0.insert(key) } }

    public func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey {
        try await change { transaction in
            // Otherwise another server could be about to insert one, which nobody else sees yet.
            try transaction.run("LOCK TABLE server_keys IN SHARE ROW EXCLUSIVE MODE")
            let isThere = try transaction.run("SELECT 1 FROM server_keys WHERE name = $1", [.text(key.name)])
            if isThere.first == nil { try transaction.insert(key) }
        }
        return try await serverKeys(named: key.name).first ?? key
    }

    public func serverKeys(named name: String) async throws -> [StoredServerKey] {
        try await serverKeys("WHERE name = $1 ORDER BY created, id", name)
    }

    public func serverKeys(notUnder masterKey: String) async throws -> [StoredServerKey] {
        try await serverKeys("WHERE master_key <> $1 ORDER BY name, id", masterKey)
    }

    private func serverKeys(_ condition: String, _ value: String) async throws -> [StoredServerKey] {
        try await lookUp("SELECT name, id, sealed, master_key, created FROM server_keys \(condition)", [.text(value)])
            .rows.map { row in
                StoredServerKey(
                    name: try row.text(0), id: try row.text(1),
                    sealed: Sealed(bytes: try row.bytes(2), masterKey: try row.text(3)),
                    created: Date(seconds: try row.integer(4)))
            }
    }

    public func secrets(
        notUnder masterKey: String, after row: Workload.Row, limit: Int
    ) async throws -> [StoredSecret] {
        try await secrets("x.workload > $1 AND x.master_key <> $3", [.integer(row), .integer(limit), .text(masterKey)])
    }

    public func isAnythingSealed(notUnder masterKey: String) async throws -> Bool {
        // Two ranges each, which an index can find; an inequality it cannot.
        let sql = """
            SELECT EXISTS (SELECT 1 FROM secrets WHERE master_key < $1)
                OR EXISTS (SELECT 1 FROM secrets WHERE master_key > $1)
                OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key < $1)
                OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key > $1)
                OR EXISTS (SELECT 1 FROM server_keys WHERE master_key <> $1)
            """
        return try await lookUp(sql, [.text(masterKey)]).first?.bool(0) ?? false
    }

    public func secrets(after row: Workload.Row, limit: Int) async throws -> [StoredSecret] {
        try await secrets("x.workload > $1", [.integer(row), .integer(limit)])
    }

    /// One that version 1 sealed, which did not say under which key. It can be here as a copy of SQLite's.
    public func firstUnnamedSecret() async throws -> StoredSecret? {
        try await secrets("x.master_key = '' AND x.workload > $1", [.integer(0), .integer(1)]).first
    }

    /// - Parameter values: a row, the limit, and what else the condition has.
    private func secrets(_ condition: String, _ values: [Value]) async throws -> [StoredSecret] {
        // The workload's eight columns come first.
        let sql = """
            SELECT w.*, x.sealed, x.master_key FROM (\(Self.selectWorkload)) w JOIN secrets x ON x.workload = w.row
            WHERE \(condition) ORDER BY x.workload LIMIT $2
            """
        return try await scan(sql, values).rows.map { row in
            StoredSecret(
                workload: try Workload(row: row), sealed: Sealed(bytes: try row.bytes(8), masterKey: try row.text(9)))
        }
    }

    public func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int? {
        try await change { transaction in
            let active = try transaction.run(
                "SELECT superseded IS NULL FROM master_keys WHERE id = $1 FOR SHARE", [.text(masterKey)])
            guard try active.first?.bool(0) == true else { return nil }
            return try changes.reduce(0) { moved, change in
                // The new bytes are there when this was done already, and the answer got lost.
                let values: [Value] = [.bytes(change.new), .text(masterKey), .bytes(change.old)]
                let result =
                    switch change.place {
                    case .secret(let row):
                        try transaction.run(
                            """
                            UPDATE secrets SET sealed = $1, master_key = $2 WHERE sealed IN ($3, $1) AND workload = $4
                            """, values + [.integer(row)])
                    case .resource(let place):
                        try transaction.run(
                            """
                            UPDATE resource_versions SET sealed = $1, master_key = $2
                            WHERE sealed IN ($3, $1) AND resource = $4 AND version = $5
                            """, values + [.integer(place.row), .integer(place.version)])
                    case .serverKey(let name, let id):
                        try transaction.run(
                            """
                            UPDATE server_keys SET sealed = $1, master_key = $2
                            WHERE sealed IN ($3, $1) AND name = $4 AND id = $5
                            """, values + [.text(name), .text(id)])
                    }
                return moved + result.changes
            }
        }
    }
}

/// What became of each master key.
extension PostgreSQLStore {
    public func masterKeyUsage(at time: Date) async throws -> [MasterKeyUsage] {
        // One statement, so that it sees one state of the database.
        let sql = """
            SELECT k.id, coalesce(x.count, 0), coalesce(v.count, 0), coalesce(s.count, 0), s.last,
                m.activated, m.superseded, m.retired, coalesce(r.count, 0)
            FROM (SELECT id FROM master_keys UNION SELECT master_key FROM secrets
                    UNION SELECT master_key FROM server_keys UNION SELECT master_key FROM resource_versions
                    UNION SELECT master_key FROM guests WHERE expires > $1
                    UNION SELECT master_key FROM sessions WHERE expires > $1) k
                LEFT JOIN master_keys m ON m.id = k.id
                LEFT JOIN (SELECT master_key, count(*) count FROM secrets GROUP BY 1) x ON x.master_key = k.id
                LEFT JOIN (SELECT master_key, count(*) count FROM server_keys GROUP BY 1) v ON v.master_key = k.id
                LEFT JOIN (SELECT master_key, count(*) count FROM resource_versions GROUP BY 1) r
                    ON r.master_key = k.id
                LEFT JOIN (SELECT master_key, count(*) count, max(expires) last
                    FROM (SELECT master_key, expires FROM sessions WHERE expires > $1
                        UNION ALL SELECT master_key, expires FROM guests WHERE expires > $1) o GROUP BY 1) s
                    ON s.master_key = k.id
            ORDER BY m.activated NULLS FIRST, k.id
            """
        return try await scan(sql, [.integer(time.seconds)]).rows.map { row in
            var usage = MasterKeyUsage(id: try row.text(0))
            (usage.secrets, usage.serverKeys, usage.sessions) = (try row.int(1), try row.int(2), try row.int(3))
            usage.lastSession = try row.optionalInteger(4).map { Date(seconds: $0) }
            usage.activated = try row.optionalInteger(5).map { Date(seconds: $0) }
            usage.superseded = try row.optionalInteger(6).map { Date(seconds: $0) }
            usage.retired = try row.optionalInteger(7).map { Date(seconds: $0) }
            usage.resources = try row.int(8)
            return usage
        }
    }

    public func activate(_ active: String, previous: [String], at time: Date) async throws {
        try await change { transaction in
            let now = Value.integer(time.seconds)
            // Each session that is opened shares the active key's row: it is left alone if it is as it should be.
            let isActive =
                try transaction.run(
                    """
                    SELECT 1 FROM master_keys WHERE id = $1 AND superseded IS NULL AND retired IS NULL
                        AND NOT EXISTS (SELECT FROM master_keys WHERE id <> $1 AND superseded IS NULL)
                    """, [.text(active)]
                ).first != nil
            if !isActive {
                try transaction.run(
                    "UPDATE master_keys SET superseded = $1 WHERE id <> $2 AND superseded IS NULL",
                    [now, .text(active)], alone: .masterKeys)
                try transaction.run(
                    """
                    INSERT INTO master_keys (id, activated) VALUES ($1, $2)
                    ON CONFLICT (id) DO UPDATE SET superseded = NULL, retired = NULL
                    """, [.text(active), now], alone: .masterKeys)
            }
            // Keys from before there was this table: they were active until now at most.
            for id in previous {
                try transaction.run(
                    """
                    INSERT INTO master_keys (id, activated, superseded) VALUES ($1, $2, $2) ON CONFLICT DO NOTHING
                    """, [.text(id), now])
            }
        }
    }

    public func retire(_ id: String, at time: Date) async throws -> Bool {
        try await change(takesLong: true) { transaction in
            // From here until the commit nobody writes anything under it.
            try transaction.run(
                "SELECT 1 FROM master_keys WHERE id = $1 FOR UPDATE", [.text(id)], alone: .masterKeys)
            // What version 1 wrote may be under any key.
            let isUsed = try transaction.run(
                """
                SELECT EXISTS (SELECT 1 FROM secrets WHERE master_key IN ($1, ''))
                    OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key = $1)
                    OR EXISTS (SELECT 1 FROM guests WHERE master_key = $1 AND expires > $2)
                    OR EXISTS (SELECT 1 FROM server_keys WHERE master_key IN ($1, ''))
                    OR EXISTS (SELECT 1 FROM sessions WHERE master_key IN ($1, '') AND expires > $2)
                """, [.text(id), .integer(time.seconds)])
            guard try isUsed.first?.bool(0) == false else { return false }
            return try transaction.run(
                "UPDATE master_keys SET retired = $1 WHERE id = $2 AND superseded IS NOT NULL",
                [.integer(time.seconds), .text(id)]
            ).changes > 0
        }
    }
}

extension Transaction {
    fileprivate func insert(_ key: StoredServerKey) throws {
        guard try !isRetired(key.sealed.masterKey) else {
            throw PostgreSQLUnusable(description: "The master key \(key.sealed.masterKey) has been retired.")
        }
        // What is sealed is sealed with a random number: the same bytes are there when this was done already, and
        // the answer got lost.
        let isThere = try run(
            "SELECT 1 FROM server_keys WHERE name = $1 AND id = $2 AND sealed = $3",
            [.text(key.name), .text(key.id), .bytes(key.sealed.bytes)])
        guard isThere.first == nil else { return }
        try run(
            "INSERT INTO server_keys (name, id, sealed, master_key, created) VALUES ($1, $2, $3, $4, $5)",
            [
                .text(key.name), .text(key.id), .bytes(key.sealed.bytes), .text(key.sealed.masterKey),
                .integer(key.created.seconds),
            ])
    }
}
