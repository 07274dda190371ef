import CSQLite

/// A connection to a database, for one thread at a time: the thread that owns it, or that of a ``DatabaseQueue``.
///
/// Foreign keys are enforced, text in double quotes is a name and never a string, and a commit is on the disk when `COMMIT`
/// returns.
public final class Database {
    private let connection: Connection
    private var cache: [String: Statement] = [:]
    let isReadOnly: Bool
    /// A value shared by the writers of a transaction, until it ends or a savepoint is rolled back.
    public var note: (any Sendable)?

    /// - Parameter path: a file's literal path; nil for a database in memory.
    public init(path: String?, configuration: Configuration = Configuration()) throws {
        isReadOnly = configuration.readonly || configuration.isImmutable
        connection = try Connection(
            try configuration.name(path),
            flags: isReadOnly
                ? configuration.flags(SQLITE_OPEN_READONLY)
                : configuration.flags(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE))
        try configuration.apply(to: self, connection)
    }

    /// Fails while a statement is running.
    public func close() throws {
        for statement in cache.values { statement.finalize() }
        cache = [:]
        try connection.close()
    }

    /// The loaded library's version, e.g. `3.40.1`.
    public static var libraryVersion: String { String(cString: sqlite3_libversion()) }

    /// Runs one or more statements, which take the arguments in order.
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

    /// Compiles a single statement.
    public func makeStatement(sql: String) throws -> Statement { try makeStatement(sql: sql, isKept: false) }

    /// A statement that is compiled once and kept: its text must not be made from data.
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
        // SQLite would ignore the text after it.
        guard !bytes.contains(0) else { throw DatabaseError(message: "the statement holds a NUL character", sql: sql) }
        return bytes[...]
    }

    /// Rows written by the last `INSERT`, `UPDATE` or `DELETE`, without those of foreign key actions.
    public var changesCount: Int { connection.pointer.map { Int(sqlite3_changes64($0)) } ?? 0 }

    /// Rows written since the connection was opened.
    public var totalChangesCount: Int { connection.pointer.map { Int(sqlite3_total_changes64($0)) } ?? 0 }

    /// The rowid of the last inserted row.
    public var lastInsertedRowID: Int64 { connection.pointer.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    public func tableExists(_ name: String) throws -> Bool {
        try Bool.fetchOne(
            self, sql: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", arguments: [name]) == true
    }
}

/// Transactions.
extension Database {
    public enum TransactionKind: String, Sendable {
        /// Takes its locks when it first reads or writes.
        case deferred = "BEGIN DEFERRED TRANSACTION"
        /// Takes the lock for writing at once.
        case immediate = "BEGIN IMMEDIATE TRANSACTION"
    }

    /// Whether a transaction is open.
    public var isInsideTransaction: Bool { connection.isInsideTransaction }

    /// Runs `body` in a transaction, which is rolled back when it throws.
    ///
    /// If SQLite ends the transaction by itself, each further statement fails, and so does this call, even if `body` has
    /// caught the error.
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

    /// Runs `body` in a savepoint of the open transaction. When it throws, only its own writes are rolled back.
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
            // SQLite may have rolled the whole transaction back.
            if isInsideTransaction {
                try run("ROLLBACK TRANSACTION TO SAVEPOINT inner_savepoint")
                try run("RELEASE SAVEPOINT inner_savepoint")
            }
            throw error
        }
    }

    /// Rolls the open transaction back, if any.
    func rollBack() {
        connection.expectsTransaction = false
        guard isInsideTransaction else { return }
        // It fails only while a statement is running. The transaction then ends with the connection.
        try? run("ROLLBACK TRANSACTION")
    }

    private func run(_ sql: String) throws { try cachedStatement(sql: sql).execute() }

    /// Runs `body` with writing disabled.
    func reading<Result>(_ body: () throws -> Result) throws -> Result {
        guard !isReadOnly else { return try body() }
        try execute(sql: "PRAGMA query_only = ON")
        let result = Swift.Result { try body() }
        try execute(sql: "PRAGMA query_only = OFF")
        return try result.get()
    }
}
