import CSQLite

/// A connection to a database, for one thread at a time: by itself on a thread that it belongs to, or inside a
/// ``DatabaseQueue``.
///
/// References between rows are enforced, text in double quotes is a name and never a string, and the disk has what was
/// committed when `COMMIT` returns.
public final class Database {
    private let connection: Connection
    private var cache: [String: Statement] = [:]
    let isReadOnly: Bool
    /// What those who write in one transaction leave to each other. It is forgotten with the transaction, and when a savepoint
    /// is undone.
    public var note: (any Sendable)?

    /// - Parameter path: a file's, or `nil` for a database in memory. No text in it is special to SQLite.
    public init(path: String?, configuration: Configuration = Configuration()) throws {
        isReadOnly = configuration.readonly || configuration.isImmutable
        connection = try Connection(
            try configuration.name(path),
            flags: isReadOnly
                ? configuration.flags(SQLITE_OPEN_READONLY)
                : configuration.flags(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))
        try configuration.apply(to: self, connection)
    }

    /// Fails while a statement that somebody holds is still running.
    public func close() throws {
        for statement in cache.values { statement.finalize() }
        cache = [:]
        try connection.close()
    }

    /// The version of the library that runs, e.g. `3.40.1`.
    public static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Runs one or more statements. Arguments are dealt out to them in order.
    public func execute(sql: String, arguments: StatementArguments = []) throws {
        var left = arguments.values[...]
        var rest = try Self.utf8(sql)
        while !rest.isEmpty {
            let (statement, next) = try connection.prepare(rest, isKept: false)
            rest = next
            guard let statement else { continue }
            let own = left.prefix(statement.parameterCount)
            left = left.dropFirst(own.count)
            try statement.execute(arguments: StatementArguments(own))
        }
        guard left.isEmpty else {
            throw DatabaseError(message: "\(left.count) arguments are left over", sql: sql)
        }
    }

    /// Compiles a text that is one statement.
    public func makeStatement(sql: String) throws -> Statement { try makeStatement(sql: sql, isKept: false) }

    /// The statement of that text, which is compiled once. What writes its texts from data would fill the memory.
    public func cachedStatement(sql: String) throws -> Statement {
        if let statement = cache[sql] { return statement }
        let statement = try makeStatement(sql: sql, isKept: true)
        cache[sql] = statement
        return statement
    }

    private func makeStatement(sql: String, isKept: Bool) throws -> Statement {
        var (statement, rest) = try connection.prepare(try Self.utf8(sql), isKept: isKept)
        guard let statement else { throw DatabaseError(message: "there is no statement", sql: sql) }
        while !rest.isEmpty {
            let next: Statement?
            (next, rest) = try connection.prepare(rest, isKept: false)
            guard next == nil else { throw DatabaseError(message: "there is more than one statement", sql: sql) }
        }
        return statement
    }

    private static func utf8(_ sql: String) throws -> ArraySlice<UInt8> {
        let bytes = Array(sql.utf8)
        // SQLite would take it for the end, and leave out what follows.
        guard !bytes.contains(0) else { throw DatabaseError(message: "the statement holds a NUL character", sql: sql) }
        return bytes[...]
    }

    /// Rows that the last `INSERT`, `UPDATE` or `DELETE` has written, without those that went by a reference.
    public var changesCount: Int { connection.pointer.map { Int(sqlite3_changes64($0)) } ?? 0 }

    /// Rows that were written since the connection was opened.
    public var totalChangesCount: Int { connection.pointer.map { Int(sqlite3_total_changes64($0)) } ?? 0 }

    /// The number that the last row that was inserted was given.
    public var lastInsertedRowID: Int64 { connection.pointer.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    public func tableExists(_ name: String) throws -> Bool {
        try Bool.fetchOne(
            self, sql: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", arguments: [name]) == true
    }
}

/// Transactions.
extension Database {
    public enum TransactionKind: String, Sendable {
        /// Locks nothing before it reads or writes.
        case deferred = "BEGIN DEFERRED TRANSACTION"
        /// Waits at once until nobody else writes.
        case immediate = "BEGIN IMMEDIATE TRANSACTION"
    }

    /// Whether a transaction is open.
    public var isInsideTransaction: Bool { connection.isInsideTransaction }

    /// Runs `body` in a transaction: all of it is written when this returns, and nothing when it throws.
    ///
    /// Should SQLite end the transaction by itself, then each further statement fails, and so does this, even if `body`
    /// has caught the error.
    public func inTransaction<Result>(_ kind: TransactionKind, _ body: () throws -> Result) throws -> Result {
        try run(kind.rawValue)
        connection.expectsTransaction = true
        note = nil
        defer {
            connection.expectsTransaction = false
            note = nil
        }
        do {
            let result = try body()
            try run("COMMIT TRANSACTION")
            return result
        } catch {
            rollBack()
            throw error
        }
    }

    /// Runs `body` in a savepoint of the open transaction: if it throws, nothing of it is kept, and all that was done
    /// before it is.
    public func inSavepoint<Result>(_ body: () throws -> Result) throws -> Result {
        guard isInsideTransaction || connection.expectsTransaction else {
            return try inTransaction(.deferred, body)
        }
        try run("SAVEPOINT inner_savepoint")
        do {
            let result = try body()
            try run("RELEASE SAVEPOINT inner_savepoint")
            return result
        } catch {
            note = nil
            // When the whole transaction is gone, there is nothing to go back to.
            if isInsideTransaction {
                try run("ROLLBACK TRANSACTION TO SAVEPOINT inner_savepoint")
                try run("RELEASE SAVEPOINT inner_savepoint")
            }
            throw error
        }
    }

    /// Ends the open transaction, if there is one, and writes nothing of it.
    func rollBack() {
        connection.expectsTransaction = false
        guard isInsideTransaction else { return }
        // It fails only when a statement is still running, and then the transaction ends with the connection.
        try? run("ROLLBACK TRANSACTION")
    }

    /// These are needed for each write, so they are compiled once.
    private func run(_ sql: String) throws { try cachedStatement(sql: sql).execute() }

    /// Runs `body`, which cannot write then.
    func reading<Result>(_ body: () throws -> Result) throws -> Result {
        guard !isReadOnly else { return try body() }
        try execute(sql: "PRAGMA query_only = ON")
        let result = Swift.Result { try body() }
        try execute(sql: "PRAGMA query_only = OFF")
        return try result.get()
    }
}
