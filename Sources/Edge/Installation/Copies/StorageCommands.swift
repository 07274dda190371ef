import Broker
import Files
package import FoundationEssentials
import Glibc
package import PostgreSQL
package import Storage

/// The work of `kbs migrate` and `kbs storage`.
package enum StorageCommands {
    /// Creates a PostgreSQL database's schema, or brings it up to date.
    ///
    /// - Throws: ``InvalidSetting``.
    package static func migrate(_ settings: Settings) async throws {
        guard case .postgreSQL(let configuration) = try settings.database() else {
            throw InvalidSetting(
                "there is no storage.url: a server brings the database in its data folder up to date by itself")
        }
        do {
            try await PostgreSQLStore(configuration, migrates: true).close()
        } catch {
            throw InvalidSetting("the schema could not be brought up to date: \(error)")
        }
    }

    /// The source or target of a copy.
    package enum Location: Sendable {
        case folder(URL)
        case postgreSQL(PostgreSQLConfiguration)

        /// - Parameters:
        ///   - text: a data folder, or a `postgres://` URL.
        ///   - settings: the password file and the time limit of a PostgreSQL database.
        package init(_ text: String, _ settings: Settings) throws {
            guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else {
                self = .folder(URL(filePath: text))
                return
            }
            do {
                self = .postgreSQL(
                    try PostgreSQLConfiguration(
                        uri: text, passwordFile: settings.storage.passwordFile,
                        timeout: .seconds(settings.storage.timeout)))
            } catch { throw InvalidSetting("\(error)") }
        }
    }

    /// Copies a database into an empty one, and compares the two. The operator moves the master key.
    ///
    /// - Parameter isSnapshot: whether servers may continue on a PostgreSQL source.
    /// - Throws: ``InvalidSetting``.
    package static func copy(
        from source: Location, to target: Location, isSnapshot: Bool
    ) async throws -> StorageCopy.Outcome {
        let (from, fromLock) = try end(source, isTarget: false)
        let isMade =
            if case .folder(let folder) = target { !DataFolder.exists(DataFolder.database(in: folder)) } else { false }
        let (to, toLock) = try end(target, isTarget: true)
        defer { withExtendedLifetime((fromLock, toLock)) {} }
        do {
            let outcome = try await StorageCopy.run(from: from, to: to, isSnapshot: isSnapshot)
            try await open(to).closing { try await $0.recordLocally(.copyStorage, ["from": "\(from)"]) }
            return outcome
        } catch {
            // An empty database would look like an installation without workloads.
            if isMade, case .sqlite(let file) = to {
                for suffix in ["", "-wal", "-shm"] { _ = try? File.remove(file.filePath + suffix) }
            }
            throw InvalidSetting("\(from) was not copied to \(to): \(error)")
        }
    }

    /// Finds rows that contradict the manifest, and accepts them into it.
    ///
    /// - Parameter isSure: whether to accept them.
    /// - Returns: a sentence for each: all of them, for nothing is accepted unseen.
    package static func accept(_ settings: Settings, isSure: Bool) async throws -> [String] {
        try await DataFolder(settings, create: false).store.closing { store in
            let found = try await store.manifestViolations(limit: .max)
            if isSure, !found.isEmpty {
                try await store.acceptRows(
                    recording: AuditRecord(
                        .acceptRows, by: .local(user: getuid()),
                        details: [
                            "count": "\(found.count)", "found": String(found.joined(separator: " ").prefix(1_000)),
                        ], at: Date()))
            }
            return found
        }
    }

    private static func end(_ location: Location, isTarget: Bool) throws -> (CopyPlace, FolderLock?) {
        switch location {
        case .postgreSQL(let configuration): return (.postgreSQL(configuration), nil)
        case .folder(let folder):
            let database = DataFolder.database(in: folder)
            do {
                if isTarget {
                    try Folder.make(folder.filePath)
                } else {
                    try DataFolder.checkIsThere(folder, namedBy: "--from")
                }
                // The copy would lack the changes of a running server.
                let lock = try FolderLock.take(folder, .replacing)
                if !DataFolder.exists(database) { try File.make(database.filePath, owner: .folders) }
                return (.sqlite(database), lock)
            } catch let error as FileError {
                throw InvalidSetting(error.description)
            }
        }
    }

    private static func open(_ place: CopyPlace) async throws -> any ServerStore {
        switch place {
        case .sqlite(let file): try SQLiteStore(file: file)
        case .postgreSQL(let configuration): try await PostgreSQLStore(configuration, migrates: false)
        }
    }
}

extension ServerStore {
    /// Runs `body`, and closes the store however it ends.
    package func closing<T>(_ body: (Self) async throws -> T) async throws -> T {
        let result: T
        do { result = try await body(self) } catch {
            try? await close()
            throw error
        }
        try await close()
        return result
    }
}
