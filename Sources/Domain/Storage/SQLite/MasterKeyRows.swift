public import Broker
import Evidence
public import FoundationEssentials
import SQLite

/// Rows sealed under master keys.
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
        guard try database.first(KeyReads.isRetired(key.sealed.masterKey)) == nil else {
            throw DatabaseError(message: "the master key \(key.sealed.masterKey) has been retired")
        }
        try database.cachedStatement(
            sql: "INSERT INTO server_keys (name, id, sealed, master_key, created) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [
            key.name, key.id, key.sealed.bytes, key.sealed.masterKey, key.created.seconds,
        ])
    }

    public func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int? {
        try await writes.perform { database in
            guard try database.first(KeyReads.isActive(masterKey)) != nil else { return nil }
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

extension SQLiteStore {
    public func renewManifest(_ manifest: Manifest) async throws {
        try await changeUnchecked { try $0.renew(manifest) }
    }
}

/// The states of master keys.
extension SQLiteStore {
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
            // The table does not have the previous keys yet: they were active until now at most.
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
            let isUsed = try database.first(KeyReads.isUsed(id, at: time)) != nil
            guard !isUsed else { return false }
            try database.execute(
                sql: "UPDATE master_keys SET retired = ? WHERE id = ? AND superseded IS NOT NULL",
                arguments: [time.seconds, id])
            return database.changesCount > 0
        }
    }
}
