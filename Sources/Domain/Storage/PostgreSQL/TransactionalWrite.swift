import Broker
import PostgreSQL

/// A change by an operator or the server: several statements, in a savepoint.
struct TransactionalWrite: QueuedWrite {
    /// The manifest that lists the change's rows.
    let manifest: Manifest?
    /// Makes the change, and returns a closure that answers the caller. It is run again when it was undone.
    let body: @Sendable (Transaction) throws -> @Sendable () -> Void
    let request: any Expiring

    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self> {
        try connection.run(TrailEnd.begin, until: deadline)
        var staged = StagedBatch<Self>()
        var listed: [ManifestEntry] = []
        for write in batch {
            try connection.run(savepoint, until: deadline)
            let transaction = Transaction(connection, deadline, manifest: write.manifest, listed: listed)
            do {
                let finish = try write.body(transaction)
                try connection.run(release, until: deadline)
                staged.finish.append(finish)
                staged.records += transaction.records
                listed = transaction.pending
            } catch {
                if error is ConnectionBroken { throw error }
                if let error = error as? PostgreSQLError, Remedy(error) == .elsewhere { throw error }
                _ = try connection.all([rollback, release], until: deadline)
                switch error {
                case is RetryTransaction: staged.again.append(write)
                case is PostgreSQLError where batch.count > 1: staged.alone.append(write)
                case is PostgreSQLError: throw error
                default: staged.failed.append((write, error))
                }
            }
        }
        // After all rows, like the trail's head: the holder of the seal waits for no row.
        if !listed.isEmpty, let write = batch.first {
            let transaction = Transaction(connection, deadline, manifest: write.manifest)
            // The table and not its row, which may not exist yet.
            try transaction.lock("manifest_seal")
            if let state = try transaction.write(listed) {
                staged.committed = { write.manifest?.committed(state) }
            }
        }
        if !staged.records.isEmpty {
            staged.head = try TrailEnd.Held(connection.run(TrailEnd.hold, until: deadline))
        }
        return staged
    }

    private static let savepoint = Query("SAVEPOINT one")
    private static let release = Query("RELEASE one")
    private static let rollback = Query("ROLLBACK TO one")
}

/// Another server changed rows that a write had read: run the write again.
struct RetryTransaction: Error {}

/// A write's view of the open transaction.
final class Transaction: ManifestedTransaction {
    private let connection: Connection
    private let deadline: ContinuousClock.Instant
    private(set) var records: [String] = []
    let manifest: Manifest?
    private(set) var pending: [ManifestEntry]

    /// - Parameter listed: the entries listed by earlier writes of the same database transaction.
    fileprivate init(
        _ connection: Connection, _ deadline: ContinuousClock.Instant, manifest: Manifest?,
        listed: [ManifestEntry] = []
    ) {
        self.connection = connection
        self.manifest = manifest
        pending = listed
        self.deadline = deadline
    }

    @discardableResult
    func run(_ sql: String, _ values: [Value] = []) throws -> QueryResult {
        try connection.run(Query(sql, values), until: deadline)
    }

    /// Listed in the manifest when all changes of the transaction are made.
    func list(_ entries: [ManifestEntry]) { pending += entries }

    func rows<Element>(_ read: Read<Element>, alone table: ContendedTable?) throws -> [Element] {
        try run(read.text.postgreSQL, read.values, alone: table).rows.map(read.element)
    }

    @discardableResult
    func execute(_ text: SQLText, _ values: [Value], alone table: ContendedTable?) throws -> Int {
        try run(text.postgreSQL, values, alone: table).changes
    }

    func takeTurn(at name: String) throws {
        try run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [.text(name)])
    }

    /// In few statements: each is a round trip.
    func write(_ entries: [ManifestEntry], state: Int64) throws {
        for start in stride(from: 0, to: entries.count, by: 10_000) {
            let part = entries[start..<min(start + 10_000, entries.count)]
            try run(
                """
                INSERT INTO manifest (kind, name, digest, state)
                SELECT kind, name, digest, $4 FROM unnest($1::text[], $2::text[], $3::bytea[]) l (kind, name, digest)
                ON CONFLICT (kind, name) DO UPDATE SET digest = excluded.digest, state = excluded.state
                """,
                [
                    .texts(part.map(\.kind.rawValue)), .texts(part.map(\.name)), .blobs(part.map(\.digest)),
                    .integer(state),
                ])
        }
    }

    func allowPauses() throws {
        try run(
            """
            SELECT set_config('idle_in_transaction_session_timeout', current_setting('statement_timeout'), true)
            """)
    }

    func lock(_ table: String) throws { try run("LOCK TABLE \(table) IN SHARE ROW EXCLUSIVE MODE") }

    /// Appends a record to the trail when all changes of the transaction are made.
    func append(_ record: AuditRecord) { records.append(record.canonical) }
}
