package import FoundationEssentials
package import PostgreSQL
import Storage

/// The location of the database.
package enum DatabaseLocation: Sendable {
    /// SQLite in the data folder.
    case folder
    /// A database that other servers may share.
    case postgreSQL(PostgreSQLConfiguration)

    var isShared: Bool { if case .postgreSQL = self { true } else { false } }
}

/// Settings of the PostgreSQL database.
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
    /// The location of the database.
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

    /// - Parameter advice: what to do with a shared database.
    /// - Throws: ``InvalidSetting`` unless the database is in the data folder.
    package func needDatabaseFile(_ advice: String) throws {
        guard storage.url == nil else {
            throw InvalidSetting(
                "with storage.url the database is not in the data folder: \(advice) (docs/replicas.md)")
        }
    }
}

/// The database.
extension SettingKey {
    static let storage = [storageURL, storagePasswordFile, storageConnections, storageTimeout, storageMigrate]

    package static let storageURL = SettingKey(
        "storage.url", "A PostgreSQL database that several servers share: postgres://user@host/name",
        shown: { (try? PostgreSQLConfiguration(uri: $0))?.description ?? "" }
    ) { value, settings in
        settings.storage.url = value.text.isEmpty ? nil : value.text
        _ = try settings.database()
    }

    package static let storagePasswordFile = file(
        "storage.password_file", "File with the password for storage.url, read at each connection",
        \.storage.passwordFile)

    package static let storageConnections = number(
        "storage.connections", "Connections to PostgreSQL that a server keeps", PostgreSQLStore.fewestConnections...200,
        \.storage.connections)

    package static let storageTimeout = duration(
        "storage.timeout", "How long a request may wait for PostgreSQL before it is refused for now", default: "5s",
        upTo: 60, \.storage.timeout)

    package static let storageMigrate = bool(
        "storage.migrate", "Whether a server brings PostgreSQL's schema up to date; if not, kbs migrate does",
        \.storage.migrates)
}
