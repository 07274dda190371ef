import Broker
import Files
package import FoundationEssentials
import Glibc
import MasterKeys
package import Storage

/// Makes a data folder from a backup, after checking that every secret in the backup can be opened.
package enum Restore {
    package struct Outcome: Sendable {
        package let summary: DatabaseSummary
        /// The ids of the master keys in use, the active one first.
        package let keys: [String]
        /// The previous database, kept beside the new one.
        package let before: URL?
    }

    /// - Parameters:
    ///   - settings: name the data folder, and give the keys for every secret in the backup.
    ///   - replacing: whether the folder may have a database, which is kept beside the new one.
    /// - Throws: ``InvalidSetting`` with the remedy. The folder's database is unchanged then.
    package static func run(_ file: URL, _ settings: Settings, replacing: Bool) async throws -> Outcome {
        let (folder, time) = (settings.dataFolder, Date())
        let (path, name) = (file.filePath, folder.filePath)
        guard DataFolder.exists(file) else { throw InvalidSetting("\(path) is not there") }
        do { try Folder.make(name) } catch { throw InvalidSetting("the data folder \(error.description)") }
        let lock = try FolderLock.take(folder, .replacing)
        defer { withExtendedLifetime(lock) {} }
        let database = DataFolder.database(in: folder)
        guard !DataFolder.exists(database) || replacing else {
            throw InvalidSetting(
                "\(name) has a database: restore into another folder, or add --force, which keeps it beside the new one"
            )
        }
        let draft = folder.appending(path: "kbs.sqlite.restoring")
        defer { remove(draft) }
        let (summary, keys) = try await prepare(draft, from: file, settings.masterKeys, folder)
        do {
            let checkpoint = try await finish(draft, from: file, keys, settings, at: time)
            let before = try setAside(database, at: time)
            // They were signed for the previous database: beside the restored one they would show a trail that was cut.
            try settings.checkpoints.putAside(at: time)
            try File.move(draft.filePath, to: database.filePath)
            try settings.checkpoints.append(checkpoint)
            return Outcome(summary: summary, keys: keys.held.all.map(\.id), before: before)
        } catch {
            throw InvalidSetting("\(name) cannot be restored into: \(error)")
        }
    }

    /// Makes a copy of the backup with the newest schema, and opens every secret in it.
    private static func prepare(
        _ draft: URL, from file: URL, _ masterKeys: MasterKeySources, _ folder: URL
    ) async throws -> (DatabaseSummary, KeyRing) {
        do {
            remove(draft)
            try File.copy(file.filePath, to: draft.filePath, owner: .folders)
            let summary = try DatabaseFile.check(draft)
            let keys: KeyRing
            do {
                let reader = MasterKeyReader(masterKeys, folder: folder)
                keys = try KeyRing { try reader.read(fresh: $0) }
            } catch {
                let ids = summary.masterKeys.keys.sorted()
                let which = ids.isEmpty ? "" : " (\(ids.joined(separator: ", ")))"
                throw InvalidSetting("the backup needs its master key\(which), which it does not hold: \(error)")
            }
            try await checkOpens(draft, keys)
            return (summary, keys)
        } catch let error as InvalidSetting {
            throw error
        } catch {
            throw InvalidSetting("\(file.filePath) cannot be restored: \(error)")
        }
    }

    /// Ends the backup's sessions and records the restore, before a server can see the database.
    private static func finish(
        _ draft: URL, from file: URL, _ keys: KeyRing, _ settings: Settings, at time: Date
    ) async throws -> Checkpoint {
        let checkpoint = try await SQLiteStore(file: draft).closing { store in
            // A session that was ended since the backup would be valid again.
            let bar = settings.lifetimes(on: store).bar(at: time)
            _ = try await store.endSessions(.all, at: time, barring: bar) { count in
                AuditRecord(
                    .endSession, by: .local(user: getuid()), details: ["count": "\(count)", "for": "restore"], at: time)
            }
            try await store.recordLocally(.restore, ["file": file.lastPathComponent])
            return try Checkpoint(try await store.auditHead(), at: time, signedBy: try await Trail.key(keys, store))
        }
        try DatabaseFile.settle(draft)
        try File.synchronize(draft.filePath)
        return checkpoint
    }

    private static func checkOpens(_ draft: URL, _ keys: KeyRing) async throws {
        let store = try SQLiteStore(file: draft, manifest: Manifest(keys))
        defer { try? store.close() }
        let unopened = try await Resealing.unopened(with: keys, in: store)
        guard unopened.isEmpty else {
            let more = unopened.count > 10 ? " and \(unopened.count - 10) more" : ""
            throw InvalidSetting(
                "the master keys that were given (\(keys.held.all.map(\.id).joined(separator: ", "))) do not open: "
                    + "\(unopened.prefix(10).joined(separator: ", "))\(more). Name the right ones with keys.master "
                    + "and keys.previous")
        }
    }

    /// Gives an existing database a second name, so that the folder has a database at every moment, and moves its logs
    /// to that name.
    private static func setAside(_ database: URL, at time: Date) throws -> URL? {
        let before = database.aside("before-restore", at: time)
        let isThere = DataFolder.exists(database)
        if isThere {
            // A damaged database cannot be settled: its log moves along, to the name where SQLite looks for it.
            try? DatabaseFile.settle(database)
            try File.link(database.filePath, as: before.filePath)
        }
        // Also without a database: SQLite would play the log of the one that was removed into the restored one.
        for suffix in ["-wal", "-shm", "-journal"] where File.exists(database.filePath + suffix) {
            try File.move(database.filePath + suffix, to: before.filePath + suffix)
        }
        try Folder.synchronize(of: before.filePath)
        return isThere ? before : nil
    }

    private static func remove(_ draft: URL) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            _ = try? File.remove(draft.filePath + suffix)
        }
    }
}
