package import Broker
package import FoundationEssentials
import Glibc
package import Logging

/// The audit trail's signing key and its file of checkpoints.
package struct Trail: Sendable {
    package let key: CheckpointKey
    package let file: CheckpointFile
    package let check: TrailCheck
    private let store: any ServerStore

    /// Opens the signing key, or makes it.
    package init(_ folder: DataFolder, _ settings: Settings) async throws {
        key = try await Self.key(folder.keys, folder.store)
        file = settings.checkpoints
        store = folder.store
        check = TrailCheck(
            file, store: store, publicKey: key.publicKey, mustBeThere: try await Self.mustHaveCheckpoint(store))
    }

    /// Signs the trail's present state, after the records since the last checkpoint are verified.
    package func checkpoint(at time: Date) async throws -> Checkpoint {
        try Checkpoint(try await check.verifiedEnd(), at: time, signedBy: key)
    }

    /// Begins a new file of checkpoints with the trail's present state, and records that.
    package func accept() async throws -> Checkpoint {
        let time = Date()
        try await store.recordLocally(.acceptTrail, [:])
        let checkpoint = try Checkpoint(try await store.auditEnd(), at: time, signedBy: key)
        try file.putAside(at: time)
        try file.append(checkpoint)
        return checkpoint
    }

    package func writer(interval: TimeInterval, records: Int, logger: Logger) -> CheckpointWriter {
        CheckpointWriter(
            interval: interval, records: Int64(records), store: store, key: key, check: check, logger: logger)
    }

    /// Whether an empty file of checkpoints is a fault: a server with a database of its own signs one after its start.
    /// Servers that share a database each have a file, and a new server's is still empty.
    static func mustHaveCheckpoint(_ store: any ServerStore) async throws -> Bool {
        guard !store.isShared else { return false }
        return try await store.hasAuditRecord(of: .startServer)
    }

    /// The signing key, if it exists.
    static func existingKey(_ keys: KeyRing, _ store: any ServerStore) async throws -> CheckpointKey? {
        guard let stored = try await oldest(in: store) else { return nil }
        return try await open(stored, keys)
    }

    /// The key's name in the table of server keys.
    private static let keyName = "audit checkpoints"

    /// The signing key, made if it does not exist.
    package static func key(_ keys: KeyRing, _ store: any ServerStore) async throws -> CheckpointKey {
        if let stored = try await oldest(in: store) { return try await open(stored, keys) }
        let made = CheckpointKey()
        let sealed = try keys.seal(made.secret, for: .serverKey(name: keyName, id: made.id))
        let stored = try await store.insertFirst(
            StoredServerKey(name: keyName, id: made.id, sealed: sealed, created: Date()))
        return try await open(stored, keys)
    }

    private static func oldest(in store: any ServerStore) async throws -> StoredServerKey? {
        try await store.serverKeys(named: keyName).first
    }

    private static func open(_ stored: StoredServerKey, _ keys: KeyRing) async throws -> CheckpointKey {
        try CheckpointKey(try await keys.open(stored.sealed, for: .serverKey(name: keyName, id: stored.id)))
    }
}

extension Store {
    /// Records an action of a local user on the data folder.
    func recordLocally(_ action: AuditRecord.Action, _ details: [String: String]) async throws {
        try await record(
            [AuditRecord(action, by: .local(user: getuid()), details: details, at: Date())], attempt: nil)
    }
}
