package import Broker
import Crypto
import Files
package import FoundationEssentials
import Glibc
package import MasterKeys
import PostgreSQL
import Storage

/// A server's folder: `kbs.sqlite` (with SQLite's two files beside it) and, unless another source is set, `master.key`.
///
/// Both together reveal every secret, the database alone none. With `storage.url` the database is PostgreSQL, shared
/// with other servers, and the folder holds only checkpoints and locks.
package struct DataFolder: Sendable {
    package let keys: KeyRing
    package let store: any ServerStore
    package let url: URL
    package let reader: MasterKeyReader
    /// Held as long as a copy of this value exists.
    private let lock: FolderLock

    /// Whether the folder's disk is mounted read-only.
    package var isReadOnly: Bool { lock.isReadOnly }

    /// Opens the folder that the settings name.
    package init(_ settings: Settings, create: Bool = true, migrates: Bool = false) async throws {
        try await self.init(
            settings.dataFolder, database: try settings.database(), masterKeys: settings.masterKeys, create: create,
            migrates: migrates)
    }

    /// Opens the folder.
    ///
    /// - Parameters:
    ///   - create: whether to create a missing folder, with a new master key.
    ///   - migrates: whether to bring an earlier database's schema up to date. Only a server does: a command could do
    ///     it under a running server of the earlier version.
    /// - Throws: ``InvalidSetting`` if a master key is missing, readable by others or of another database, or the
    ///   folder cannot be used.
    package init(
        _ folder: URL, database: DatabaseLocation = .folder, masterKeys: MasterKeySources = MasterKeySources(),
        create: Bool = true, migrates: Bool = false
    ) async throws {
        let path = folder.filePath
        url = folder
        reader = MasterKeyReader(masterKeys, folder: folder)
        do {
            if create || database.isShared {
                try Folder.make(path)
            } else {
                try Self.checkIsThere(folder)
            }
            switch database {
            case .folder:
                (lock, keys, store) = try Self.locked(folder) { [reader] in
                    let lock = try FolderLock.take(folder, .using)
                    let (keys, store) =
                        try lock.isReadOnly
                        ? Self.openReadOnly(folder, reader, serves: migrates) : Self.open(folder, reader)
                    return (lock, keys, store)
                }
            case .postgreSQL(let configuration):
                lock = try FolderLock.take(folder, .using)
                (keys, store) = try await Self.open(configuration, reader, migrates: migrates)
            }
            do {
                try await Self.check(keys, store)
            } catch {
                try? await store.close()
                throw error
            }
        } catch let error as InvalidSetting {
            throw error
        } catch let error as MasterKeyError {
            throw InvalidSetting(error.description)
        } catch  where database.isShared {
            throw InvalidSetting("the database of storage.url cannot be used: \(error)")
        } catch {
            throw InvalidSetting("the data folder \(path) cannot be used: \(error)")
        }
    }

    static func database(in folder: URL) -> URL { folder.appending(path: "kbs.sqlite") }

    /// The names of the files that a server or a command makes in the folder.
    static let fileNames = [
        "kbs.sqlite", "kbs.sqlite-wal", "kbs.sqlite-shm", "kbs.sqlite-journal", "kbs.lock", "kbs.serving", "master.key",
        CheckpointFile.defaultName,
    ]

    private static func open(_ folder: URL, _ reader: MasterKeyReader) throws -> (KeyRing, SQLiteStore) {
        let database = database(in: folder)
        if let file = reader.masterFile.map(KeyFile.init), !file.exists {
            guard !exists(database) else {
                throw InvalidSetting(
                    "\(file.file.filePath) is missing and kbs.sqlite is there: put the key back, "
                        + "for without it no secret can be read. To start anew, remove the database.")
            }
            // It is on the disk before it seals any secret.
            try file.write([SymmetricKey(size: .bits256)])
        }
        let keys = try KeyRing { try reader.read(fresh: $0) }
        if !exists(database) { try File.make(database.filePath, owner: .folders) }
        do { return (keys, try SQLiteStore(file: database, manifest: Manifest(keys))) } catch {
            // SQLite does not say whose file it may not write, nor which.
            for path in ["", "-wal", "-shm"].map({ database.filePath + $0 }) where File.exists(path) {
                _ = try OpenFile(path, .update)
            }
            throw error
        }
    }

    /// Servers that share a database never make the master key: two that start together would make two.
    private static func open(
        _ configuration: PostgreSQLConfiguration, _ reader: MasterKeyReader, migrates: Bool
    ) async throws -> (KeyRing, any ServerStore) {
        if let file = reader.masterFile.map(KeyFile.init), !file.exists {
            let path = file.file.filePath
            throw InvalidSetting(
                "\(path) is missing, and servers that share a database have one master key: give this one the key that "
                    + "the others have. For the first server make one: kbs keys create --file \(path)")
        }
        let keys = try KeyRing { try reader.read(fresh: $0) }
        return (keys, try await PostgreSQLStore(configuration, manifest: Manifest(keys), migrates: migrates))
    }

    /// Opens a folder on a read-only disk, such as a snapshot, for commands that only read.
    private static func openReadOnly(
        _ folder: URL, _ reader: MasterKeyReader, serves: Bool
    ) throws -> (KeyRing, SQLiteStore) {
        let (database, copy) = (database(in: folder), "copy the folder, and name the copy with --data")
        guard !serves else {
            throw InvalidSetting(
                "the disk of \(folder.filePath) is mounted read-only, and a server has to write to it: \(copy)")
        }
        let keys = try KeyRing { try reader.read(fresh: $0) }
        let log = database.filePath + "-wal"
        guard FileStatus.of(log).map({ $0.size == 0 }) ?? true else {
            throw InvalidSetting(
                "\(log) holds the last writes, which SQLite cannot read on a disk that is mounted read-only: \(copy)")
        }
        let inspection = try DatabaseInspection(database, manifest: Manifest(keys))
        guard inspection.damage.isEmpty, let store = inspection.store else {
            throw InvalidSetting(
                "\(database.filePath) is damaged, or another version of kbs has written it, and its disk is mounted "
                    + "read-only: \(copy)")
        }
        return (keys, store)
    }

    /// Checks that the keys are the database's, before anything is sealed with them.
    private static func check(_ keys: KeyRing, _ store: any ServerStore) async throws {
        let held = keys.held
        let foreign = try await store.masterKeyUsage(at: Date())
            .filter { (!$0.sealsNothing || $0.isActive) && held.named($0.id) == nil }
        guard foreign.isEmpty else {
            let wanted = foreign.map {
                "\($0.id) (\($0.secrets) secrets, \($0.resources) versions of resources, \($0.serverKeys) server keys)"
            }
            throw InvalidSetting(
                "the database's master key is \(wanted.joined(separator: " and ")), which was not given. "
                    + "keys.master and keys.previous give \(held.all.map(\.id).joined(separator: ", ")): "
                    + "name the right one, or add it to keys.previous")
        }
    }

    /// Runs `body` in one process at a time: of several that start on a new folder, one makes the key and the database.
    static func locked<T>(_ folder: URL, _ body: () throws -> T) throws -> T {
        let file = try OpenFile(folder.filePath, .folder)
        guard try file.lock(.exclusive, waiting: true) else { throw InvalidSetting("the data folder cannot be locked") }
        return try body()
    }

    static func exists(_ file: URL) -> Bool { File.exists(file.filePath) }

    /// - Parameter option: the option that names the folder.
    /// - Throws: ``InvalidSetting`` if the folder has no database, or this user may not read it.
    static func checkIsThere(_ folder: URL, namedBy option: String = "--data") throws {
        do { _ = try OpenFile(database(in: folder).filePath, .read) } catch {
            guard error.isMissing || error.code == ENOTDIR else { throw InvalidSetting(error.description) }
            throw InvalidSetting("\(folder.filePath) is not a data folder: name the server's with \(option)")
        }
    }
}
