package import Broker
package import FoundationEssentials
package import Logging

/// The audit trail's signing key and its file of checkpoints.
package struct Trail: Sendable {
    package let key: CheckpointKey
    package let file: CheckpointFile
    package let check: TrailCheck
    private let store: any ServerStore

    /// Opens the key, or makes it.
    package init(_ folder: DataFolder, _ settings: Settings) async throws {
        key = try await Self.key(folder.keys, folder.store)
        file = settings.checkpoints
        store = folder.store
        check = TrailCheck(
            file, store: store, publicKey: key.publicKey, mustBeThere: try await Self.mustHaveCheckpoint(store))
    }

    /// Begins a new file of checkpoints with the trail as it is, and says so in the trail.
    package func accept() async throws -> Checkpoint {
        let time = Date()
        try await store.recordLocally(.acceptTrail, [:])
        try file.putAside(at: time)
        let checkpoint = try Checkpoint(try await store.auditHead(), at: time, signedBy: key)
        try file.append(checkpoint)
        return checkpoint
    }

    package func writer(interval: TimeInterval, records: Int, logger: Logger) -> CheckpointWriter {
        CheckpointWriter(
            file: file, interval: interval, records: Int64(records), store: store, key: key, check: check,
            logger: logger)
    }

    /// Whether a checkpoint is missing if there is none. One that works with a file has signed one; of several servers
    /// that share a database each has its own, and a new one has none yet.
    static func mustHaveCheckpoint(_ store: any ServerStore) async throws -> Bool {
        guard !store.isShared else { return false }
        return try await store.hasAuditRecord(of: .startServer)
    }

    /// The key that there is, without making one.
    static func existingKey(_ keys: KeyRing, _ store: any ServerStore) async throws -> CheckpointKey? {
        guard let stored = try await oldest(in: store) else { return nil }
        return try await open(stored, keys)
    }

    /// What the key is for, in the table of server keys.
    private static let keyName = "audit checkpoints"

    package static func key(_ keys: KeyRing, _ store: any ServerStore) async throws -> CheckpointKey {
        if let stored = try await oldest(in: store) { return try await open(stored, keys) }
        let made = CheckpointKey()
        let sealed = try keys.seal(made.secret, for: keyName, id: made.id)
        let stored = try await store.insertFirst(
            StoredServerKey(name: keyName, id: made.id, sealed: sealed, created: Date()))
        return try await open(stored, keys)
    }

    private static func oldest(in store: any ServerStore) async throws -> StoredServerKey? {
        try await store.serverKeys(named: keyName).first
    }

    private static func open(_ stored: StoredServerKey, _ keys: KeyRing) async throws -> CheckpointKey {
        try CheckpointKey(try await keys.open(stored.sealed, for: keyName, id: stored.id))
    }
}
