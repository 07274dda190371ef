import Broker
import Concurrency
import FoundationEssentials
import SQLite

/// A change's view of the transaction under way. SQLite has one writer, so it takes no locks.
struct SQLiteChange: ManifestedTransaction {
    let database: Database
    let manifest: Manifest?
    /// The last state of the manifest that the write made.
    let states: Lock<Int64>

    func rows<Element>(_ read: Read<Element>, alone table: ContendedTable?) throws -> [Element] {
        try database.rows(read)
    }

    @discardableResult
    func execute(_ text: SQLText, _ values: [Value], alone table: ContendedTable?) throws -> Int {
        try database.execute(text, values)
        return database.changesCount
    }

    func takeTurn(at name: String) {}

    func lock(_ table: String) {}

    var pending: [ManifestEntry] { [] }

    /// At once: SQLite has one writer.
    func list(_ entries: [ManifestEntry]) throws {
        if let state = try write(entries) { states.withLock { $0 = max($0, state) } }
    }

    func write(_ entries: [ManifestEntry], state: Int64) throws {
        for entry in entries {
            try execute(
                """
                INSERT INTO manifest (kind, name, digest, state) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (kind, name) DO UPDATE SET digest = excluded.digest, state = excluded.state
                """, [.text(entry.kind.rawValue), .text(entry.name), .bytes(entry.digest), .integer(state)])
        }
    }

    func allowPauses() {}

    func append(_ record: AuditRecord) throws { try database.append(record) }

    func endSessions(_ ids: [[UInt8]], at time: Date, barring bar: TokenCutoff, waits: Bool) throws -> [[UInt8]] {
        try ids.filter { id in
            // An id is random, so at most one of the tables has it.
            try execute(
                "UPDATE sessions SET expires = ?1 WHERE id = ?2 AND expires > ?1", [.time(time), .bytes(id)]) > 0
                || execute(
                    """
                    UPDATE foreign_guests SET ends = ?1, barred = ?2, expires = max(expires, ?3)
                    WHERE id = ?4 AND ends > ?1
                    """, [.time(time), .time(bar.issued), .time(bar.kept), .bytes(id)]) > 0
        }
    }
}

extension Database {
    func execute(_ text: SQLText, _ values: [Value]) throws {
        try cachedStatement(sql: text.sqlite).execute(arguments: StatementArguments(values.map(\.databaseValue)))
    }
}

extension SQLiteStore: WritingStore {
    func change<T: Sendable>(
        takesLong: Bool, _ body: @escaping @Sendable (any ManifestedTransaction) throws -> T
    ) async throws -> T {
        let states = Lock(Int64(0))
        let result = try await writes.perform { [manifest] in
            try body(SQLiteChange(database: $0, manifest: manifest, states: states))
        }
        // The transaction is durable.
        manifest?.committed(states.withLock { $0 })
        return result
    }
}
