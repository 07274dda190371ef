public import Broker
import Files
public import FoundationEssentials
import SQLite

/// A look at a server's database that changes nothing: no migration, no other journal, no file beside it.
///
/// A server may work on it meanwhile.
public struct DatabaseInspection: Sendable {
    public enum State: Sendable, Hashable {
        /// There are no tables.
        case none
        case current
        /// Something else has written it, or a kbs from before version 1.
        case other
        /// A later version of this program has written it.
        case later
    }

    public let schema: State
    /// What SQLite found to be damaged; empty when nothing is.
    public let damage: [String]
    /// For more questions; `nil` when the schema is not this program's.
    public let store: SQLiteStore?

    /// - Parameter manifest: what the store holds rows that decide to.
    /// - Throws: when it cannot be read as a database.
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

    /// Why a file that is there is not this version's, if it is not.
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
    fileprivate init(inspecting path: String, _ configuration: Configuration, _ manifest: Manifest?) throws {
        self.manifest = manifest
        writer = try DatabaseQueue(path: path, configuration: configuration)
        writes = WriteQueue(writer)
        readers = try ReaderSet(path: path, count: 1, configuration)
        operators = try OperatorReader(path: path, configuration)
    }
}
