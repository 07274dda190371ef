import Broker
import Files
import Glibc
package import FoundationEssentials
package import PostgreSQL
package import Storage

/// What `kbs migrate` and `kbs storage copy` do.
package enum StorageCommands {
    /// Brings a PostgreSQL database's schema up to date, or makes it.
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

    /// Copies a whole database into an empty one, and compares the two.
    ///
    /// The master key does not go along: it is for the operator to carry.
    ///
    /// - Parameter isSnapshot: whether servers may go on with a PostgreSQL source.
    /// - Throws: ``InvalidSetting``.
    package static func copy(
        from source: Location, to target: Location, isSnapshot: Bool,
        reporting report: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws -> StorageCopy.Outcome {
        let (from, fromLock) = try end(source, isTarget: false)
        let isMade =
            if case .folder(let folder) = target { !DataFolder.exists(DataFolder.database(in: folder)) } else { false }
        let (to, toLock) = try end(target, isTarget: true)
        defer { withExtendedLifetime((fromLock, toLock)) {} }
        do {
            let outcome = try await StorageCopy.run(from: from, to: to, isSnapshot: isSnapshot, reporting: report)
            let store = try await open(to)
            do {
                try await store.recordLocally(.copyStorage, ["from": "\(from)"])
            } catch {
                try? await store.close()
                throw error
            }
            try await store.close()
            return outcome
        } catch {
            // An empty database would pass for an installation without workloads.
            if isMade, case .sqlite(let file) = to {
                for suffix in ["", "-wal", "-shm"] { _ = try? File.remove(file.filePath + suffix) }
            }
            throw InvalidSetting("\(from) was not copied to \(to): \(error)")
        }
    }

    /// What `kbs storage accept` does: shows what is not as a key broker left it, and believes it.
    ///
    /// - Parameter isSure: whether to believe it.
    /// - Returns: what was found.
    package static func accept(_ settings: Settings, isSure: Bool) async throws -> [String] {
        let folder = try await DataFolder(settings, create: false)
        do {
            let found = try await folder.store.manifestViolations(limit: 100)
            if isSure, !found.isEmpty {
                try await folder.store.acceptRows(
                    recording: AuditRecord(
                        .acceptRows, by: .local(user: getuid()),
                        details: ["found": String(found.joined(separator: " ").prefix(1_000))], at: Date()))
            }
            try await folder.store.close()
            return found
        } catch {
            try? await folder.store.close()
            throw error
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
                // A server would go on with what is not in the copy.
                let lock = try FolderLock.take(folder, .replacing)
                if !DataFolder.exists(database) { try File.make(database.filePath) }
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
