import CSQLite

/// A compiled statement of a ``Database``, for its thread. It is reset, and its arguments cleared, after each run.
public final class Statement {
    let sql: String
    private let connection: Connection
    /// nil once finalised.
    private var pointer: OpaquePointer?
    private var isRunning = false

    init(_ pointer: OpaquePointer, _ sql: String, _ connection: Connection) {
        self.pointer = pointer
        self.sql = sql
        self.connection = connection
    }

    deinit { sqlite3_finalize(pointer) }

    /// Frees the statement, as a connection cannot be closed before.
    func finalize() {
        sqlite3_finalize(pointer)
        pointer = nil
    }

    var parameterCount: Int { pointer.map { Int(sqlite3_bind_parameter_count($0)) } ?? 0 }

    /// Runs it to its end. Its rows are discarded.
    public func execute(arguments: StatementArguments = []) throws {
        try run(arguments) { _ in true }
    }

    /// Runs it to its end, and calls `body` with each row: for results that do not fit into memory.
    public func forEachRow(_ arguments: StatementArguments = [], _ body: (Row) throws -> Void) throws {
        try run(arguments) { statement in
            try body(try Row(of: statement, sql))
            return true
        }
    }

    func firstRow(_ arguments: StatementArguments) throws -> Row? {
        var first: Row?
        try run(arguments) { statement in
            first = try Row(of: statement, sql)
            return false
        }
        return first
    }

    /// - Parameter body: called with each row, until it returns false.
    private func run(_ arguments: StatementArguments, _ body: (OpaquePointer) throws -> Bool) throws {
        guard let pointer else { throw DatabaseError(message: "the database is closed", sql: sql) }
        guard !isRunning else { throw DatabaseError(message: "the statement is still running", sql: sql) }
        try connection.checkTransaction(before: sql)
        isRunning = true
        defer {
            // It repeats the last step's result.
            _ = sqlite3_reset(pointer)
            // So that a cached statement retains neither secrets nor large values.
            sqlite3_clear_bindings(pointer)
            isRunning = false
        }
        try bind(arguments, to: pointer)
        var wantsMore = true
        while true {
            switch sqlite3_step(pointer) {
            case SQLITE_ROW:
                if wantsMore { wantsMore = try body(pointer) }
                // A statement that writes must run to its end.
                if !wantsMore, sqlite3_stmt_readonly(pointer) != 0 { return }
            case SQLITE_DONE: return
            case let code: throw connection.error(code, sql)
            }
        }
    }

    private func bind(_ arguments: StatementArguments, to pointer: OpaquePointer) throws {
        let count = parameterCount
        guard arguments.values.count == count else {
            throw DatabaseError(
                message: "there are \(arguments.values.count) arguments for \(count) parameters", sql: sql)
        }
        for (index, value) in arguments.values.enumerated() { try bind(value, Int32(index + 1), to: pointer) }
    }

    private func bind(_ value: DatabaseValue, _ index: Int32, to pointer: OpaquePointer) throws {
        let code: Int32
        switch value {
        case .null: code = sqlite3_bind_null(pointer, index)
        case .integer(let number): code = sqlite3_bind_int64(pointer, index, number)
        case .real(let number): code = sqlite3_bind_double(pointer, index, number)
        case .text(var text):
            code = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    guard let start = characters.baseAddress else {
                        return kbs_sqlite3_bind_text(pointer, index, "", 0)
                    }
                    return kbs_sqlite3_bind_text(pointer, index, start, UInt64(characters.count))
                }
            }
        case .blob(let bytes):
            // With a null address, an empty blob would be NULL.
            code =
                bytes.isEmpty
                ? sqlite3_bind_zeroblob(pointer, index, 0)
                : bytes.withUnsafeBytes {
                    kbs_sqlite3_bind_blob(pointer, index, $0.baseAddress, UInt64($0.count))
                }
        }
        guard code == SQLITE_OK else { throw connection.error(code, sql) }
    }
}
