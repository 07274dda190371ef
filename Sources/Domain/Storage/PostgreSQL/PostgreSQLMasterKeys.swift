public import Broker
import Evidence
public import FoundationEssentials
import PostgreSQL

/// Rows sealed under master keys.
extension PostgreSQLStore {
    public func insert(_ key: StoredServerKey) async throws { try await change { try $0.insert(key) } }

    public func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey {
        try await change { transaction in
            // Without the lock another server could insert a key that this transaction does not see yet.
            try transaction.run("LOCK TABLE server_keys IN SHARE ROW EXCLUSIVE MODE")
            let isThere = try transaction.run("SELECT 1 FROM server_keys WHERE name = $1", [.text(key.name)])
            if isThere.first == nil { try transaction.insert(key) }
        }
        return try await serverKeys(named: key.name).first ?? key
    }

    public func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int? {
        try await change { transaction in
            let active = try transaction.run(
                "SELECT superseded IS NULL FROM master_keys WHERE id = $1 FOR SHARE", [.text(masterKey)])
            guard try active.first?.bool(0) == true else { return nil }
            return try changes.reduce(0) { moved, change in
                // The row has the new bytes when a first run was committed and its answer was lost.
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

extension PostgreSQLStore {
    public func renewManifest(_ manifest: Manifest) async throws {
        try await change(takesLong: true) { transaction in
            try transaction.run("LOCK TABLE manifest_seal IN SHARE ROW EXCLUSIVE MODE")
            try transaction.renew(manifest)
        }
    }
}

/// The states of master keys.
extension PostgreSQLStore {
    public func activate(_ active: String, previous: [String], at time: Date) async throws {
        try await change { transaction in
            let now = Value.integer(time.seconds)
            // Each new session locks the active key's row (`FOR SHARE`): it is not written if it is already right.
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
            // The table does not have the previous keys yet: they were active until now at most.
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
            // Until the commit no other transaction can write under the key.
            try transaction.run(
                "SELECT 1 FROM master_keys WHERE id = $1 FOR UPDATE", [.text(id)], alone: .masterKeys)
            guard try transaction.first(KeyReads.isUsed(id, at: time)) == nil else { return false }
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
        // Sealing uses a random nonce: the same bytes are there only when a first run was committed and its answer was
        // lost.
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
