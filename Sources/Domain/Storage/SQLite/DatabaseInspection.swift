public import Broker
import Files
public import FoundationEssentials
import SQLite

/// An inspection of a server's database that changes nothing: no migration, no other journal mode, no new file.
///
/// A server may be using the database.
public struct DatabaseInspection: Sendable {
    public enum State: Sendable, Hashable {
        /// The file has no tables.
        case none
        case current
        /// Written by another program, or by a kbs from before version 1.
        case other
        /// Written by a later version of this program.
        case later
    }

    public let schema: State
    /// SQLite's findings of damage; empty when there are none.
    public let damage: [String]
    /// A store for further reads; `nil` when the schema is not this program's.
    public let store: SQLiteStore?

    /// - Parameter manifest: the manifest that rows which decide are compared with.
    /// - Throws: when the file cannot be read as a database.
    public init(_ file: URL, manifest: Manifest? = nil) throws {
        let (configuration, queue) = try Self.open(file)
        do {
            (schema, damage) = try queue.read { database in
                (
                    try Schema.state(of: database),
                    try String.fetchAll(database, sql: "PRAGMA quick_check(20)").filter { $0 != "ok" }
                )
            }
            store =
                schema == .current
                ? try SQLiteStore(inspecting: file.path(percentEncoded: false), configuration, manifest) : nil
            try queue.close()
        } catch {
            try? queue.close()
            throw error
        }
    }

    /// How an existing file's schema differs from this version's; `nil` when it does not.
    static func otherSchema(_ file: URL) throws -> OtherSchema? {
        guard let status = FileStatus.of(file.path(percentEncoded: false)), status.size > 0 else { return nil }
        let (_, queue) = try open(file)
        defer { try? queue.close() }
        return switch try queue.read({ try Schema.state(of: $0) }) {
        case .none, .current: nil
        case .other: OtherSchema(isLater: false)
        case .later: OtherSchema(isLater: true)
        }
    }

    /// Opens for reading. SQLite makes two files beside a database that no process has open, even to read it, unless it
    /// is told that the file will not change; then it takes no locks, and a write during a long read shows as damage.
    ///
    /// - Parameter mayTakeNoLocks: whether to open a database that no process has open in that way.
    static func open(
        _ file: URL, mayTakeNoLocks: Bool = true
    ) throws -> (configuration: Configuration, queue: DatabaseQueue) {
        let path = file.path(percentEncoded: false)
        var configuration = Configuration()
        configuration.readonly = true
        configuration.isImmutable = mayTakeNoLocks && !File.exists(path + "-wal")
        // Opening fails if a server begins to use the file just now: then open it as one that changes.
        if configuration.isImmutable, let queue = try? DatabaseQueue(path: path, configuration: configuration) {
            return (configuration, queue)
        }
        configuration.isImmutable = false
        return (configuration, try DatabaseQueue(path: path, configuration: configuration))
    }
}

extension SQLiteStore {
    /// A read-only store: writes fail.
    ///
    /// - Parameter path: a database with this program's schema.
    fileprivate init(inspecting path: String, _ configuration: Configuration, _ manifest: Manifest?) throws {
        self.manifest = manifest
        writer = try DatabaseQueue(path: path, configuration: configuration)
        writes = try WriteQueue(writer)
        readers = try ReaderSet(path: path, count: 1, configuration)
        operators = try OperatorReader(path: path, configuration)
    }
}
