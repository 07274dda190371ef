public import Broker
import Concurrency
import Evidence
public import FoundationEssentials
import SQLite

/// A store in one SQLite file, in WAL mode, flushed before a write is acknowledged.
///
/// Lookups run on the caller's thread: reading a cached page costs less than a change of thread. Reads of many rows
/// have a thread of their own (``OperatorReader``), and writes share transactions (``WriteQueue``).
public struct SQLiteStore: Sendable {
    let writer: DatabaseQueue
    let readers: ReaderSet
    let operators: OperatorReader
    let writes: WriteQueue
    public let rules = PolicyCache()
    public let manifest: Manifest?

    /// Opens or creates the database, readable only by its owner.
    ///
    /// - Parameters:
    ///   - file: `…/kbs.sqlite`; SQLite keeps two more files beside it.
    ///   - manifest: the manifest that rows which decide are compared with. Without it such rows are neither read nor
    ///     written.
    /// - Throws: ``OtherSchema`` when the database is of another version.
    public init(file: URL, manifest: Manifest? = nil) throws {
        var configuration = Configuration()
        configuration.usesWriteAheadLog = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        let path = file.path(percentEncoded: false)
        // A database of another program or version is left untouched, its journal mode included.
        if let other = try DatabaseInspection.otherSchema(file) { throw other }
        writer = try DatabaseQueue(path: path, configuration: configuration)
        try Schema.prepare(writer)
        self.manifest = manifest
        writes = try WriteQueue(writer)
        // Each connection takes two file descriptors, and hosts may have hundreds of cores.
        let count = min(ProcessInfo.processInfo.activeProcessorCount * 2, 32)
        var reading = Configuration()
        reading.readonly = true
        readers = try ReaderSet(path: path, count: count, reading)
        operators = try OperatorReader(path: path, reading)
    }

    /// Finishes the reads and writes under way and closes the file.
    public func close() throws {
        try operators.close()
        try readers.close()
        try writer.close()
    }

    /// A lookup, on the caller's thread.
    func read<T>(_ body: (Database) throws -> T) throws -> T { try readers.read(body) }

    /// A read of many rows, on its own thread.
    func scan<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await operators.read(body)
    }
}

extension SQLiteStore {
    /// `PRAGMA synchronous`: 2 is FULL.
    package var synchronous: Int? {
        get throws { try writer.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") } }
    }

    /// Runs any SQL: for tests of attacks by someone with the file.
    package func tamper(_ sql: String) throws { try writer.write { try $0.execute(sql: sql) } }

    /// Counts up a resource's change number, on this thread: for tests of concurrent changes.
    package func touch(_ path: ResourcePath) throws {
        try writer.write { database in
            guard let manifest else { throw NoManifest() }
            let change = SQLiteChange(database: database, manifest: manifest, states: Lock(0))
            guard let (found, versions) = try change.found(path) else { return }
            try change.execute("UPDATE resources SET change = change + 1 WHERE path = ?1", [.text(path.text)])
            _ = try change.list(found.changed(policy: found.policy, current: found.current), versions)
        }
    }

    /// The number of rows written by this connection since it was opened: for tests that nothing is written.
    package var totalChanges: Int { get throws { try writer.write { $0.totalChangesCount } } }
}
