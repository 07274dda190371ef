import Broker
import Evidence
import FoundationEssentials

/// Rows sealed under master keys.
extension WritingStore {
    public func insert(_ key: StoredServerKey) async throws { try await change { try $0.insert(key) } }

    public func insertFirst(_ key: StoredServerKey) async throws -> StoredServerKey {
        try await change { change in
            // Without the lock another server could insert a key that this transaction does not see yet.
            try change.lock("server_keys")
            if try change.first(KeyReads.serverKeys(named: key.name)) == nil { try change.insert(key) }
        }
        return try await serverKeys(named: key.name).first ?? key
    }

    public func reseal(_ changes: [Resealed], under masterKey: String) async throws -> Int? {
        try await change { change in
            guard try change.first(KeyReads.isActive(masterKey, lock: "FOR SHARE")) != nil else { return nil }
            return try changes.reduce(0) { moved, resealed in
                let (table, condition, key): (String, String, [Value]) =
                    switch resealed.place {
                    case .secret(let row): ("secrets", "workload = ?4", [.integer(row)])
                    case .resource(let place):
                        (
                            "resource_versions", "resource = ?4 AND version = ?5",
                            [.integer(place.row), .integer(place.version)]
                        )
                    case .serverKey(let name, let id):
                        ("server_keys", "name = ?4 AND id = ?5", [.text(name), .text(id)])
                    }
                // The row has the new bytes when a first run was committed and its answer was lost.
                return try moved
                    + change.execute(
                        "UPDATE \(table) SET sealed = ?1, master_key = ?2 WHERE sealed IN (?3, ?1) AND \(condition)",
                        [.bytes(resealed.new), .text(masterKey), .bytes(resealed.old)] + key)
            }
        }
    }

    public func renewManifest(_ manifest: Manifest) async throws {
        let renewal = try await manifest.renewal(readingFrom: self)
        try await change(takesLong: true) { change in
            try change.lock("manifest_seal")
            try change.renew(manifest, renewal)
        }
    }
}

/// The states of master keys.
extension WritingStore {
    public func activate(
        _ active: String, previous: [String], at time: Date,
        recording record: @escaping @Sendable (_ before: String) -> AuditRecord
    ) async throws {
        try await change { change in
            let (key, now) = (Value.text(active), Value.time(time))
            // Each new session locks the active key's row (`FOR SHARE`): it is not written if it is already right.
            if try change.first(KeyReads.isOnlyActive(active)) == nil {
                // A database that no server has worked with has no active key yet.
                if let before = try change.first(KeyReads.otherActive(than: active)) ?? previous.first {
                    try change.append(record(before))
                }
                try change.execute(
                    "UPDATE master_keys SET superseded = ?1 WHERE id <> ?2 AND superseded IS NULL", [now, key],
                    alone: .masterKeys)
                try change.execute(
                    """
                    INSERT INTO master_keys (id, activated) VALUES (?1, ?2)
                    ON CONFLICT (id) DO UPDATE SET superseded = NULL, retired = NULL
                    """, [key, now], alone: .masterKeys)
            }
            // The table does not have the previous keys yet: they were active until now at most.
            for id in previous {
                try change.execute(
                    "INSERT INTO master_keys (id, activated, superseded) VALUES (?1, ?2, ?2) ON CONFLICT DO NOTHING",
                    [.text(id), now])
            }
        }
    }

    public func retire(_ id: String, at time: Date, recording record: AuditRecord) async throws -> Bool {
        try await change(takesLong: true) { change in
            // Until the commit no other transaction can write under the key.
            _ = try change.first(KeyReads.isRetired(id, lock: "FOR UPDATE"), alone: .masterKeys)
            guard try change.first(KeyReads.isUsed(id, at: time)) == nil else { return false }
            let retired = try change.execute(
                "UPDATE master_keys SET retired = ?1 WHERE id = ?2 AND superseded IS NOT NULL",
                [.time(time), .text(id)])
            if retired > 0 { try change.append(record) }
            return retired > 0
        }
    }
}

extension ManifestedTransaction {
    fileprivate func insert(_ key: StoredServerKey) throws {
        guard try !isRetired(key.sealed.masterKey) else { throw KeyRingError.retired(key.sealed.masterKey) }
        // Sealing uses a random nonce: the same bytes are there only when a first run was committed and its answer was
        // lost.
        let isThere = Read(
            "SELECT 1 FROM server_keys WHERE name = ?1 AND id = ?2 AND sealed = ?3",
            [.text(key.name), .text(key.id), .bytes(key.sealed.bytes)]
        ) { _ in true }
        guard try first(isThere) == nil else { return }
        try execute(
            "INSERT INTO server_keys (name, id, sealed, master_key, created) VALUES (?1, ?2, ?3, ?4, ?5)",
            [
                .text(key.name), .text(key.id), .bytes(key.sealed.bytes), .text(key.sealed.masterKey),
                .time(key.created),
            ])
    }
}
