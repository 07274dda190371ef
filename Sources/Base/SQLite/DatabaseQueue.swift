import Concurrency

/// A connection to a database that one caller at a time has; the others wait, each on its own thread.
///
/// What is handed to it must not call it again, nor let the ``Database`` out.
public final class DatabaseQueue: Sendable {
    private let database: Lock<Database>

    /// Opens a file, and makes it unless the configuration is to read only.
    public init(path: String, configuration: Configuration = Configuration()) throws {
        database = Lock(try Database(path: path, configuration: configuration))
    }

    /// A database in memory.
    public init(configuration: Configuration = Configuration()) throws {
        database = Lock(try Database(path: nil, configuration: configuration))
    }

    /// Waits for who has it, and closes the connection.
    public func close() throws { try database.withLock { try $0.close() } }

    /// Reads one state of the database, in a transaction. A statement that writes fails.
    public func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in
            try database.reading { try database.inTransaction(.deferred) { try body(database) } }
        }
    }

    /// Reads without a transaction: each statement sees one state of its own. A statement that writes fails.
    public func readWithoutTransaction<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in
            try database.reading { try Self.endingTransactions(of: database) { try body(database) } }
        }
    }

    /// Reads and writes in a transaction.
    public func write<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in try database.inTransaction(.immediate) { try body(database) } }
    }

    /// Reads and writes; what is to be one step needs ``Database/inTransaction(_:_:)``.
    public func writeWithoutTransaction<Result>(_ body: (Database) throws -> Result) throws -> Result {
        try database.withLock { database in try Self.endingTransactions(of: database) { try body(database) } }
    }

    /// The next caller would work on in a transaction that was left open.
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
