import Files
public import FoundationEssentials
import SQLite

/// A look at a server's database that changes nothing: no migration, no other journal, no file beside it.
///
/// A server may work on it meanwhile.
public struct DatabaseInspection: Sendable {
    /// The migrations that made its schema, e.g. `v1`, `v2`.
    public let schema: [String]
    /// Whether a later version of this program has written it.
    public let isNewer: Bool
    /// Whether the next start of a server will bring it up to date.
    public let isOlder: Bool
    /// What SQLite found to be damaged; empty when nothing is.
    public let damage: [String]
    /// For more questions; `nil` when the schema is not this program's.
    public let store: SQLiteStore?

    /// - Throws: when it cannot be read as a database.
    public init(_ file: URL) throws {
        let (configuration, queue) = try Self.open(file)
        do {
            let migrator = Schema.migrator
            (schema, isNewer, isOlder, damage) = try queue.read { database in
                (
                    try migrator.completedMigrations(database), try migrator.hasBeenSuperseded(database),
                    try !migrator.hasCompletedMigrations(database),
                    try String.fetchAll(database, sql: "PRAGMA quick_check(20)").filter { $0 != "ok" }
                )
            }
            store =
                isNewer || isOlder ? nil : try SQLiteStore(inspecting: file.path(percentEncoded: false), configuration)
            try queue.close()
        } catch {
            try? queue.close()
            throw error
        }
    }

    /// SQLite makes two files beside a database that nobody has open, even to read it, unless it is told that the file
    /// will not change.
    static func open(_ file: URL) throws -> (configuration: Configuration, queue: DatabaseQueue) {
        let path = file.path(percentEncoded: false)
        var configuration = Configuration()
        configuration.readonly = true
        configuration.isImmutable = !File.exists(path + "-wal")
        // A server that begins to work just now changes it under these eyes.
        if configuration.isImmutable, let queue = try? DatabaseQueue(path: path, configuration: configuration) {
            return (configuration, queue)
        }
        configuration.isImmutable = false
        return (configuration, try DatabaseQueue(path: path, configuration: configuration))
    }
}

extension SQLiteStore {
    /// A store that reads, and fails when it is to write.
    ///
    /// - Parameter path: its schema is this program's.
    fileprivate init(inspecting path: String, _ configuration: Configuration) throws {
        writer = try DatabaseQueue(path: path, configuration: configuration)
        writes = WriteQueue(writer)
        readers = try ReaderSet(path: path, count: 1, configuration)
        operators = try OperatorReader(path: path, configuration)
    }
}
