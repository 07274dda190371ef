import Broker

/// What operators and the server itself change: statements in a row, in a savepoint of their own.
struct TransactionalWrite: QueuedWrite {
    /// Makes the change; returns what tells the caller. It is run again when it was undone.
    let body: @Sendable (Transaction) throws -> @Sendable () -> Void
    let request: any Expiring

    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self> {
        try connection.run(TrailEnd.begin, until: deadline)
        var staged = StagedBatch<Self>()
        for write in batch {
            try connection.run(savepoint, until: deadline)
            let transaction = Transaction(connection, deadline)
            do {
                let finish = try write.body(transaction)
                try connection.run(release, until: deadline)
                staged.finish.append(finish)
                staged.records += transaction.records
            } catch {
                if error is ConnectionBroken { throw error }
                if let error = error as? PostgreSQLError, Remedy(error) == .elsewhere { throw error }
                _ = try connection.all([rollback, release], until: deadline)
                switch error {
                case is LookAgain: staged.again.append(write)
                case is PostgreSQLError where batch.count > 1: staged.alone.append(write)
                case is PostgreSQLError: throw error
                default: staged.failed.append((write, error))
                }
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

/// What a write looked at was changed by another server meanwhile: it is to be made anew.
struct LookAgain: Error {}

/// A write's view of the transaction under way.
final class Transaction {
    private let connection: Connection
    private let deadline: ContinuousClock.Instant
    private(set) var records: [String] = []

    fileprivate init(_ connection: Connection, _ deadline: ContinuousClock.Instant) {
        self.connection = connection
        self.deadline = deadline
    }

    @discardableResult
    func run(_ sql: String, _ values: [Value] = []) throws -> QueryResult {
        try connection.run(Query(sql, values), until: deadline)
    }

    /// Adds a record to the end of the trail when all changes of the transaction are made.
    func append(_ record: AuditRecord) { records.append(record.canonical) }
}
