import Concurrency

/// A connection to a database, used by one caller at a time; others block.
///
/// The functions passed to it must neither call it again nor let the ``Database`` escape.
public final class DatabaseQueue: Sendable {
    private let database: Lock<Database>

    /// Opens a file, and makes it if missing, unless the configuration is read-only.
    public init(path: String, configuration: Configuration = Configuration()) throws {
        database = Lock(try Database(path: path, configuration: configuration))
    }

    /// A database in memory.
    public init(configuration: Configuration = Configuration()) throws {
        database = Lock(try Database(path: nil, configuration: configuration))
    }

    public func close() throws { try database.withLock { try $0.close() } }

    /// Reads in a transaction, so that all statements see one state. Writing fails.
    public func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in
            try database.reading { try database.inTransaction(.deferred) { try body(database) } }
        }
    }

    /// Reads without a transaction: each statement sees the current state. Writing fails.
    public func readWithoutTransaction<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in
            try database.reading { try Self.endingTransactions(of: database) { try body(database) } }
        }
    }

    /// Reads and writes in a transaction.
    public func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in try database.inTransaction(.immediate) { try body(database) } }
    }

    /// Reads and writes without a transaction, unless the caller begins one (``Database/inTransaction(_:_:)``).
    public func writeWithoutTransaction<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in try Self.endingTransactions(of: database) { try body(database) } }
    }

    /// Rolls back a transaction that `body` leaves open, which the next caller would continue.
    private static func endingTransactions<Result>(
        of database: Database, _ body: () throws -> Result
    ) throws -> Result {
        let result = Swift.Result { try body() }
        guard database.isInsideTransaction else { return try result.get() }
        database.rollBack()
        _ = try result.get()
        throw DatabaseError(message: "a transaction was left open, and has been rolled back")
    }
}
