import Broker
import Concurrency
import SQLite

/// A write's view of the transaction under way.
struct SQLiteChange: ManifestedTransaction {
    let database: Database
    let manifest: Manifest?
    /// The last state of the manifest that the write made.
    let states: Lock<Int64>

    func rows<Element>(_ read: Read<Element>) throws -> [Element] { try database.rows(read) }

    @discardableResult
    func execute(_ text: SQLText, _ values: [Value] = []) throws -> Int {
        try database.execute(text, values)
        return database.changesCount
    }

    var pending: [ManifestEntry] { [] }

    /// At once: SQLite has one writer.
    func list(_ entries: [ManifestEntry]) throws {
        if let state = try write(entries) { states.withLock { $0 = max($0, state) } }
    }

    func append(_ record: AuditRecord) throws { try database.append(record) }

    func isRetired(_ masterKey: String) throws -> Bool { try first(KeyReads.isRetired(masterKey)) != nil }
}

extension Database {
    func execute(_ text: SQLText, _ values: [Value]) throws {
        try cachedStatement(sql: text.sqlite).execute(arguments: StatementArguments(values.map(\.databaseValue)))
    }
}

extension SQLiteStore {
    /// A change by an operator or the server, after catching up with the manifest.
    func change<T: Sendable>(_ body: @escaping @Sendable (SQLiteChange) throws -> T) async throws -> T {
        try await catchUp()
        return try await changeUnchecked(body)
    }

    /// A change that does not depend on the manifest.
    func changeUnchecked<T: Sendable>(_ body: @escaping @Sendable (SQLiteChange) throws -> T) async throws -> T {
        let states = Lock(Int64(0))
        let result = try await writes.perform { [manifest] in
            try body(SQLiteChange(database: $0, manifest: manifest, states: states))
        }
        // The transaction is durable.
        manifest?.committed(states.withLock { $0 })
        return result
    }
}
