public import Broker
import Evidence
public import FoundationEssentials
import SQLite

/// What is sealed under which master key.
extension SQLiteStore {
    public func insert(_ key: StoredServerKey) async throws {
        try await writes.perform { try Self.insert(key, into: $0) }
    }

    public func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey {
        try await writes.perform { database in
            let isThere = try Bool.fetchOne(
                database, sql: "SELECT 1 FROM server_keys WHERE name = ?", arguments: [key.name])
            if isThere == nil { try Self.insert(key, into: database) }
        }
        return try await serverKeys(named: key.name).first ?? key
    }

    private static func insert(_ key: StoredServerKey, into database: Database) throws {
        guard try !isRetired(key.sealed.masterKey, in: database) else {
            throw DatabaseError(message: "the master key \(key.sealed.masterKey) has been retired")
        }
        try database.cachedStatement(
            sql: "INSERT INTO server_keys (name, id, sealed, master_key, created) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            key.name, key.id, key.sealed.bytes, key.sealed.masterKey, key.created.seconds,
        ])
    }

    public func serverKeys(named name: String) async throws -> [StoredServerKey] {
        try serverKeys("WHERE name = ? ORDER BY created, id", [name])
    }

    public func serverKeys(notUnder masterKey: String) async throws -> [StoredServerKey] {
        try serverKeys("WHERE master_key <> ? ORDER BY name, id", [masterKey])
    }

    private func serverKeys(_ condition: String, _ arguments: StatementArguments) throws -> [StoredServerKey] {
        try read { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT name, id, sealed, master_key, created FROM server_keys \(condition)"),
                arguments: arguments
            ).map { row in
                try StoredServerKey(
                    name: row[0], id: row[1], sealed: Sealed(bytes: row[2], masterKey: row[3]),
                    created: Date(seconds: row[4]))
            }
        }
    }

    public func secrets(
        notUnder masterKey: String, after row: Workload.Row, limit: Int
    ) async throws -> [StoredSecret] {
        try secrets("x.workload > ? AND x.master_key <> ?", [row, masterKey], limit)
    }

    public func isAnythingSealed(notUnder masterKey: String) async throws -> Bool {
        try read { database in
            // Two ranges each, which an index can find; an inequality it cannot.
            let sql = """
                SELECT EXISTS (SELECT 1 FROM secrets WHERE master_key < :id)
                    OR EXISTS (SELECT 1 FROM secrets WHERE master_key > :id)
                    OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key < :id)
                    OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key > :id)
                    OR EXISTS (SELECT 1 FROM server_keys WHERE master_key <> :id)
                """
            return try Bool.fetchOne(database.cachedStatement(sql: sql), arguments: ["id": masterKey]) ?? false
        }
    }

    public func secrets(after row: Workload.Row, limit: Int) async throws -> [StoredSecret] {
        try secrets("x.workload > ?", [row], limit)
    }

    /// One that version 1 sealed, which did not say under which key.
    public func firstUnnamedSecret() throws -> StoredSecret? { try secrets("x.master_key = ''", [], 1).first }

    private func secrets(
        _ condition: String, _ arguments: StatementArguments, _ limit: Int
    ) throws -> [StoredSecret] {
        try read { database in
            // The workload's eight columns come first.
            let sql = """
                SELECT w.*, x.sealed, x.master_key FROM (\(Self.selectWorkload)) w JOIN secrets x ON x.workload = w.row
                WHERE \(condition) ORDER BY x.workload LIMIT ?
                """
            return try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: arguments + [limit]
            ).map { row in
                StoredSecret(
                    workload: try Workload(row: row), sealed: try Sealed(bytes: row[8], masterKey: row[9]))
            }
        }
    }

    public func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int? {
        try await writes.perform { database in
            let isActive = try Bool.fetchOne(
                database.cachedStatement(sql: "SELECT superseded IS NULL FROM master_keys WHERE id = ?"),
                arguments: [masterKey])
            guard isActive == true else { return nil }
            return try changes.reduce(0) { moved, change in
                switch change.place {
                case .secret(let row):
                    try database.cachedStatement(
                        sql: "UPDATE secrets SET sealed = ?, master_key = ? WHERE workload = ? AND sealed = ?"
                    ).execute(arguments: [change.new, masterKey, row, change.old])
                case .resource(let place):
                    try database.cachedStatement(
                        sql: """
                            UPDATE resource_versions SET sealed = ?, master_key = ?
                            WHERE resource = ? AND version = ? AND sealed = ?
                            """
                    ).execute(arguments: [change.new, masterKey, place.row, place.version, change.old])
                case .serverKey(let name, let id):
                    try database.cachedStatement(
                        sql: """
                            UPDATE server_keys SET sealed = ?, master_key = ?
                            WHERE name = ? AND id = ? AND sealed = ?
                            """
                    ).execute(arguments: [change.new, masterKey, name, id, change.old])
                }
                return moved + database.changesCount
            }
        }
    }
}

/// What became of each master key.
extension SQLiteStore {
    public func masterKeyUsage(at time: Date) throws -> [MasterKeyUsage] {
        try read { database in
            // One statement, so that it sees one state of the database.
            let sql = """
                SELECT k.id, coalesce(x.count, 0), coalesce(v.count, 0), coalesce(s.count, 0), s.last,
                    m.activated, m.superseded, m.retired, coalesce(r.count, 0)
                FROM (SELECT id FROM master_keys UNION SELECT master_key FROM secrets
                        UNION SELECT master_key FROM server_keys UNION SELECT master_key FROM resource_versions
                        UNION SELECT master_key FROM guests WHERE expires > :now
                        UNION SELECT master_key FROM sessions WHERE expires > :now) k
                    LEFT JOIN master_keys m ON m.id = k.id
                    LEFT JOIN (SELECT master_key, count(*) count FROM secrets GROUP BY 1) x ON x.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count FROM server_keys GROUP BY 1) v ON v.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count FROM resource_versions GROUP BY 1) r
                        ON r.master_key = k.id
                    LEFT JOIN (SELECT master_key, count(*) count, max(expires) last
                        FROM (SELECT master_key, expires FROM sessions WHERE expires > :now
                            UNION ALL SELECT master_key, expires FROM guests WHERE expires > :now) GROUP BY 1) s
                        ON s.master_key = k.id
                ORDER BY m.activated, k.id
                """
            return try Row.fetchAll(
                database.cachedStatement(sql: sql), arguments: ["now": time.seconds]
            ).map { row in
                var usage = MasterKeyUsage(id: try row[0])
                (usage.secrets, usage.serverKeys, usage.sessions) = (try row[1], try row[2], try row[3])
                usage.lastSession = (try row[4] as Int64?).map { Date(seconds: $0) }
                usage.activated = (try row[5] as Int64?).map { Date(seconds: $0) }
                usage.superseded = (try row[6] as Int64?).map { Date(seconds: $0) }
                usage.retired = (try row[7] as Int64?).map { Date(seconds: $0) }
                usage.resources = try row[8]
                return usage
            }
        }
    }

    public func activate(_ active: String, previous: [String], at time: Date) async throws {
        try await writes.perform { database in
            try database.execute(
                sql: "UPDATE master_keys SET superseded = ? WHERE id <> ? AND superseded IS NULL",
                arguments: [time.seconds, active])
            try database.execute(
                sql: """
                    INSERT INTO master_keys (id, activated) VALUES (?, ?)
                    ON CONFLICT DO UPDATE SET superseded = NULL, retired = NULL
                    """, arguments: [active, time.seconds])
            // Keys from before there was this table: they were active until now at most.
            for id in previous {
                try database.execute(
                    sql: """
                        INSERT INTO master_keys (id, activated, superseded) VALUES (?, ?, ?) ON CONFLICT DO NOTHING
                        """, arguments: [id, time.seconds, time.seconds])
            }
        }
    }

    public func retire(_ id: String, at time: Date) async throws -> Bool {
        try await writes.perform { database in
            // What version 1 wrote may be under any key.
            let isUsed =
                try Bool.fetchOne(
                    database,
                    sql: """
                        SELECT EXISTS (SELECT 1 FROM secrets WHERE master_key IN (:id, ''))
                            OR EXISTS (SELECT 1 FROM resource_versions WHERE master_key = :id)
                            OR EXISTS (SELECT 1 FROM guests WHERE master_key = :id AND expires > :now)
                            OR EXISTS (SELECT 1 FROM server_keys WHERE master_key IN (:id, ''))
                            OR EXISTS (SELECT 1 FROM sessions WHERE master_key IN (:id, '') AND expires > :now)
                        """, arguments: ["id": id, "now": time.seconds]) ?? true
            guard !isUsed else { return false }
            try database.execute(
                sql: "UPDATE master_keys SET retired = ? WHERE id = ? AND superseded IS NOT NULL",
                arguments: [time.seconds, id])
            return database.changesCount > 0
        }
    }

    static func isRetired(_ id: String, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(sql: "SELECT 1 FROM master_keys WHERE id = ? AND retired IS NOT NULL"),
            arguments: [id]) != nil
    }
}
