public import Broker
import Concurrency
import Evidence
public import FoundationEssentials
import SQLite

/// Everything in one SQLite file, in WAL mode, flushed before it is acknowledged.
///
/// Lookups run where they are called: one of a cached page costs less than a change of thread. What goes through
/// many rows does not: see ``OperatorReader``.
/// Writes are gathered: see ``WriteQueue``.
public struct SQLiteStore: Sendable {
    let writer: DatabaseQueue
    let readers: ReaderSet
    let operators: OperatorReader
    let writes: WriteQueue
    public let rules = KnownRules()
    public let manifest: Manifest?

    /// Opens or makes the database, readable by its owner only.
    ///
    /// - Parameters:
    ///   - file: `…/kbs.sqlite`; SQLite keeps two more files beside it.
    ///   - manifest: what rows that decide are held to. Without it none of them is read or written.
    /// - Throws: ``OtherSchema`` when it is of another version.
    public init(file: URL, manifest: Manifest? = nil) throws {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA secure_delete = ON")
        }
        let path = file.path(percentEncoded: false)
        // What something else has written is not touched, not even its journal.
        if let other = try DatabaseInspection.otherSchema(file) { throw other }
        writer = try DatabaseQueue(path: path, configuration: configuration)
        try Schema.prepare(writer)
        self.manifest = manifest
        writes = WriteQueue(writer)
        // Each takes two file descriptors, and there are hosts with hundreds of cores.
        let count = min(ProcessInfo.processInfo.activeProcessorCount * 2, 32)
        var reading = Configuration()
        reading.readonly = true
        readers = try ReaderSet(path: path, count: count, reading)
        operators = try OperatorReader(path: path, reading)
    }

    /// Waits for what was begun, and closes the file.
    public func close() throws {
        try operators.close()
        try readers.close()
        try writer.close()
    }

    /// A lookup, where it is called.
    func read<T>(_ body: (Database) throws -> T) throws -> T { try readers.read(body) }

    /// What goes through many rows, elsewhere.
    func scan<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await operators.read(body)
    }
}

extension SQLiteStore {
    /// 2 is FULL.
    package var synchronous: Int? {
        get throws { try writer.writeWithoutTransaction { try Int.fetchOne($0, sql: "PRAGMA synchronous") } }
    }

    /// Runs SQL that the store itself never would: for tests of what a thief with the file can do.
    package func tamper(_ sql: String) throws { try writer.write { try $0.execute(sql: sql) } }

    /// Changes a resource in nothing but its number of changes, on this thread: for tests of what changes meanwhile.
    package func touch(_ path: ResourcePath) throws {
        try writer.write { database in
            guard let manifest else { throw NoManifest() }
            let change = SQLiteChange(database: database, manifest: manifest, states: Lock(0))
            guard let (found, versions) = try change.found(path) else { return }
            try change.execute("UPDATE resources SET change = change + 1 WHERE path = ?1", [.text(path.text)])
            _ = try change.list(found.changed(policy: found.policy, current: found.current), versions)
        }
    }

    /// Rows that this connection has written since it was opened: for tests of what writes nothing.
    package var totalChanges: Int { get throws { try writer.write { $0.totalChangesCount } } }
}
