package import FoundationEssentials
package import PostgreSQL
import Storage

/// Where the database is.
package enum DatabaseLocation: Sendable {
    /// SQLite's, in the data folder.
    case folder
    /// One that other servers may share.
    case postgreSQL(PostgreSQLConfiguration)

    var isShared: Bool { if case .postgreSQL = self { true } else { false } }
}

/// What the settings say of a PostgreSQL database.
package struct StorageSettings: Sendable {
    /// `nil`: SQLite in the data folder. It may hold a password.
    package var url: String?
    package var passwordFile: URL?
    package var connections = 8
    /// How long a request may wait for the database, in seconds.
    package var timeout: TimeInterval = 5
    /// Whether a server brings the schema up to date when it starts.
    package var migrates = true
}

extension Settings {
    /// Where the database is.
    package func database() throws -> DatabaseLocation {
        guard let url = storage.url else { return .folder }
        do {
            return .postgreSQL(
                try PostgreSQLConfiguration(
                    uri: url, passwordFile: storage.passwordFile, connections: storage.connections,
                    timeout: .seconds(storage.timeout)))
        } catch {
            throw InvalidSetting("storage.url: \(error)")
        }
    }
}

extension Settings {
    /// - Parameter advice: what to do where the database is not a file.
    /// - Throws: ``InvalidSetting``.
    package func needDatabaseFile(_ advice: String) throws {
        guard storage.url == nil else {
            throw InvalidSetting(
                "with storage.url the database is not in the data folder: \(advice) (docs/replicas.md)")
        }
    }
}

/// The database, and how it is reached.
extension SettingKey {
    static let storage = [storageURL, storagePasswordFile, storageConnections, storageTimeout, storageMigrate]

    package static let storageURL = SettingKey(
        "storage.url", "A PostgreSQL database that several servers share: postgres://user@host/name",
        shown: { (try? PostgreSQLConfiguration(uri: $0))?.description ?? "" }
    ) { value, settings in
        settings.storage.url = value.text.isEmpty ? nil : value.text
        _ = try settings.database()
    }

    package static let storagePasswordFile = SettingKey(
        "storage.password_file", "A file with the password for storage.url, read at each connection"
    ) { $1.storage.passwordFile = $0.file() }

    package static let storageConnections = SettingKey(
        "storage.connections", "Connections to PostgreSQL that a server keeps", default: "8"
    ) { $1.storage.connections = try $0.number(PostgreSQLStore.fewestConnections...200) }

    package static let storageTimeout = SettingKey(
        "storage.timeout", "How long a request may wait for PostgreSQL before it is refused for now", default: "5s"
    ) { $1.storage.timeout = try $0.duration(upTo: 60) }

    package static let storageMigrate = SettingKey(
        "storage.migrate", "Whether a server brings PostgreSQL's schema up to date; if not, kbs migrate does",
        default: "true"
    ) { $1.storage.migrates = try $0.bool() }
}
