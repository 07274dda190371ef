import CSQLite

/// SQLite's handle, which its statements hold as long as they are there.
final class Connection {
    private(set) var pointer: OpaquePointer?
    /// Whether this program began a transaction that it has not ended.
    var expectsTransaction = false

    init(_ name: String, flags: Int32) throws {
        // Connections without a mutex of their own are good for several threads only if the library is.
        guard sqlite3_threadsafe() != 0 else {
            throw DatabaseError(message: "this SQLite was built for one thread; install the distribution's")
        }
        var pointer: OpaquePointer?
        let code = sqlite3_open_v2(name, &pointer, flags, nil)
        self.pointer = pointer
        guard code == SQLITE_OK else { throw error(code, nil) }
    }

    deinit {
        // Waits for statements that somebody still holds.
        _ = sqlite3_close_v2(pointer)
    }

    func close() throws {
        let code = sqlite3_close(pointer)
        guard code == SQLITE_OK else { throw error(code, nil) }
        pointer = nil
    }

    /// What SQLite says of the call that has just failed.
    func error(_ code: Int32, _ sql: String?) -> DatabaseError {
        let extended = pointer.map { sqlite3_extended_errcode($0) } ?? code
        // A failure before there is a handle, or of another call than the last one, is told by its own code.
        let isSame = extended & 0xFF == code & 0xFF
        let message = isSame ? pointer.flatMap { sqlite3_errmsg($0) } : sqlite3_errstr(code)
        return DatabaseError(
            ResultCode(rawValue: isSame ? extended : code), message: message.map { String(cString: $0) } ?? "unknown",
            sql: sql)
    }

    /// Whether a transaction is open.
    var isInsideTransaction: Bool { pointer.map { sqlite3_get_autocommit($0) == 0 } ?? false }

    /// SQLite ends a transaction by itself when the disk is full, for one. What comes then would be written for good,
    /// statement by statement.
    func checkTransaction(before sql: String) throws {
        guard expectsTransaction, !isInsideTransaction else { return }
        throw DatabaseError(.abort, message: "the transaction was rolled back", sql: sql)
    }

    /// Compiles the first statement of a text.
    ///
    /// - Returns: the statement, nil if there are only comments and white space, and what follows it.
    func prepare(
        _ text: ArraySlice<UInt8>, isKept: Bool
    ) throws -> (statement: Statement?, rest: ArraySlice<UInt8>) {
        guard let pointer else { throw DatabaseError(message: "the database is closed") }
        let sql = String(decoding: text, as: UTF8.self)
        guard let count = Int32(exactly: text.count) else { throw DatabaseError(message: "the statement is too long") }
        let flags = isKept ? UInt32(SQLITE_PREPARE_PERSISTENT) : 0
        var statement: OpaquePointer?
        var used = 0
        let code = text.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(pointer, characters.baseAddress, count, flags, &statement, &tail)
                if let tail, let start = characters.baseAddress { used = tail - start }
                return code
            }
        }
        guard code == SQLITE_OK else { throw error(code, sql) }
        let rest = text.dropFirst(max(used, 1))
        guard let statement else { return (nil, rest) }
        return (Statement(statement, String(decoding: text.prefix(used), as: UTF8.self), self), rest)
    }
}
