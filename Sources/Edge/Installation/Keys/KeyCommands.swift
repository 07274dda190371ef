package import Broker
import Crypto
import FoundationEssentials
import Glibc
import MasterKeys
import Storage

/// The work of `kbs keys` on a data folder. A server may run on it at the same time.
package struct KeyCommands: Sendable {
    private let folder: DataFolder
    private let lifetimes: Lifetimes

    package init(_ settings: Settings) async throws {
        folder = try await DataFolder(settings, create: false)
        lifetimes = settings.lifetimes(on: folder.store)
    }

    /// A master key's state and use.
    package struct Status: Sendable {
        package enum State: String, Sendable { case active, previous, retired, unknown }

        package let state: State
        package let usage: MasterKeyUsage
    }

    /// Every configured or recorded key, the active one first.
    package func status() async throws -> [Status] {
        let held = folder.keys.held
        var usages = try await folder.store.masterKeyUsage(at: Date())
        for keys in held.all where !usages.contains(where: { $0.id == keys.id }) {
            usages.append(MasterKeyUsage(id: keys.id))
        }
        let statuses = usages.map { usage in
            let state: Status.State =
                if usage.id == held.active.id { .active } else if usage.retired != nil {
                    .retired
                } else if held.named(usage.id) != nil { .previous } else { .unknown }
            return Status(state: state, usage: usage)
        }
        return statuses.filter { $0.state == .active } + statuses.filter { $0.state != .active }
    }

    // MARK: Rotation

    package struct Rotation: Sendable {
        /// The ids of the active key, and of the active key before.
        package let active: String
        package let before: String
        /// Whether the key was made now; otherwise an unfinished or configured rotation was completed.
        package let isNewKey: Bool
        package let progress: Resealing.Progress
    }

    /// Makes a new active key, if the key is in a file and no rotation is unfinished, and reseals everything under it.
    ///
    /// After an interruption another call, or a server on this folder, continues.
    package func rotate(reporting report: (Resealing.Progress) -> Void = { _ in }) async throws -> Rotation {
        let keys = folder.keys
        let before = keys.held.active.id
        let isNewKey = try await isUnfinished() ? false : addKey()
        try await activate(keys.held)
        let progress = try await Resealing(keys: keys, store: folder.store).run(reporting: report)
        let active = keys.held.active.id
        if progress.resealed > 0 {
            try await folder.store.recordLocally(
                .rotateKeys, ["active": active, "resealed": "\(progress.resealed)"])
        }
        return Rotation(active: active, before: before, isNewKey: isNewKey, progress: progress)
    }

    private func activate(_ held: HeldKeys) async throws {
        let time = Date()
        try await folder.store.activate(held.active.id, previous: held.previous.map(\.id), at: time) { before in
            .rotation(to: held.active.id, from: before, by: .local(user: getuid()), at: time)
        }
    }

    /// Whether something is still sealed under a previous key.
    private func isUnfinished() async throws -> Bool {
        let held = folder.keys.held
        guard !held.previous.isEmpty else { return false }
        let usages = try await folder.store.masterKeyUsage(at: Date())
        // The active key was never used: it was only just put first.
        let isNew = !usages.contains { $0.id == held.active.id && $0.isActive }
        return isNew || usages.contains { $0.id != held.active.id && !$0.sealsNothing }
    }

    /// Adds a key to the key file.
    ///
    /// - Returns: whether a key was added.
    private func addKey() throws -> Bool {
        // Other servers of a shared database must have a key before it becomes active.
        guard !folder.store.isShared, let file = folder.reader.masterFile.map(KeyFile.init) else { return false }
        let isNewKey = try DataFolder.locked(folder.url) {
            let keys = try file.read()
            // Another process may have added a key meanwhile.
            guard keys.first.map({ ServerKeys(master: $0).id }) == folder.keys.held.active.id else { return false }
            try file.write([SymmetricKey(size: .bits256)] + keys)
            return true
        }
        try folder.keys.reload()
        return isNewKey
    }

    // MARK: Retirement

    package struct Retirement: Sendable {
        /// Ids of the keys that were retired.
        package var retired: [String] = []
        /// Those of them that were removed from the key file.
        package var removedFromFile: [String] = []
        /// Ids of the keys that are still needed, with the reason.
        package var kept: [(id: String, reason: String)] = []
    }

    /// Retires the previous keys under which nothing is sealed and that no guest can need.
    package func retire() async throws -> Retirement {
        var outcome = Retirement()
        let (store, held, now) = (folder.store, folder.keys.held, Date())
        try await activate(held)
        let usages = try await store.masterKeyUsage(at: now)
        for keys in held.previous {
            let usage = usages.first { $0.id == keys.id } ?? MasterKeyUsage(id: keys.id)
            if let reason = needs(usage, at: now) {
                outcome.kept.append((keys.id, reason))
            } else if try await store.retire(
                keys.id, at: now,
                recording: AuditRecord(
                    .retireKeys, by: .local(user: getuid()), details: ["retired": keys.id], at: now))
            {
                outcome.retired.append(keys.id)
            } else {
                outcome.kept.append((keys.id, "something was written under it just now: try again"))
            }
        }
        if let file = folder.reader.masterFile.map(KeyFile.init), !outcome.retired.isEmpty {
            outcome.removedFromFile = try remove(outcome.retired, from: file)
        }
        return outcome
    }

    /// Why a key is still needed, or `nil`.
    private func needs(_ usage: MasterKeyUsage, at now: Date) -> String? {
        guard usage.sealsNothing else {
            return
                "\(usage.secrets) secrets, \(usage.resources) versions of resources and \(usage.serverKeys) server keys are "
                + "under it: run `kbs keys rotate`"
        }
        // A running server uses a superseded key until it notices the rotation.
        let challenges = (usage.superseded ?? now).addingTimeInterval(lifetimes.remembrance + Self.noticing)
        let end = max(challenges, usage.lastSession ?? .distantPast)
        guard end > now else { return nil }
        return usage.sessions > 0
            ? "\(usage.sessions) guests' sessions are under it until \(end.formatted(.iso8601))"
            : "challenges may be under it until \(end.formatted(.iso8601))"
    }

    /// Generous time for a running server to notice a new key in the file, in seconds.
    private static let noticing: TimeInterval = 30

    private func remove(_ ids: [String], from file: KeyFile) throws -> [String] {
        try DataFolder.locked(folder.url) {
            var removed: [String] = []
            let kept = try file.read().filter { key in
                let id = ServerKeys(master: key).id
                guard ids.contains(id) else { return true }
                removed.append(id)
                return false
            }
            // The active key is never retired, so some keys are left.
            if !removed.isEmpty, !kept.isEmpty { try file.write(kept) }
            return removed
        }
    }
}

extension AuditRecord {
    /// The record that another master key became the active one.
    static func rotation(to active: String, from before: String, by actor: Actor, at time: Date) -> AuditRecord {
        AuditRecord(.rotateKeys, by: actor, details: ["active": active, "before": before], at: time)
    }
}
