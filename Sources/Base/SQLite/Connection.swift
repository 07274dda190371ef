import CSQLite

/// SQLite's handle, which its statements retain.
final class Connection {
    private(set) var pointer: OpaquePointer?
    /// Whether this program has an open transaction.
    var expectsTransaction = false

    init(_ name: String, flags: Int32) throws {
        // Without mutexes in the library, connections cannot be used on several threads.
        guard sqlite3_threadsafe() != 0 else {
            throw DatabaseError(message: "this SQLite was built for one thread; install the distribution's")
        }
        var pointer: OpaquePointer?
        let code = sqlite3_open_v2(name, &pointer, flags, nil)
        self.pointer = pointer
        guard code == SQLITE_OK else { throw error(code, nil) }
    }

    deinit {
        // SQLite closes the handle after its last statement.
        _ = sqlite3_close_v2(pointer)
    }

    func close() throws {
        let code = sqlite3_close(pointer)
        guard code == SQLITE_OK else { throw error(code, nil) }
        pointer = nil
    }

    /// The error of the last call.
    func error(_ code: Int32, _ sql: String?) -> DatabaseError {
        let extended = pointer.map { sqlite3_extended_errcode($0) } ?? code
        // Without a handle, and for another call than the handle's last, only the code is known.
        let isSame = extended & 0xFF == code & 0xFF
        let message = isSame ? pointer.flatMap { sqlite3_errmsg($0) } : sqlite3_errstr(code)
        return DatabaseError(
            ResultCode(rawValue: isSame ? extended : code), message: message.map { String(cString: $0) } ?? "unknown",
            sql: sql)
    }

    /// Whether a transaction is open.
    var isInsideTransaction: Bool { pointer.map { sqlite3_get_autocommit($0) == 0 } ?? false }

    /// Throws after SQLite has ended a transaction by itself, e.g. for a full disk: further statements would be committed
    /// one by one.
    func checkTransaction(before sql: String) throws {
        guard expectsTransaction, !isInsideTransaction else { return }
        throw DatabaseError(.abort, message: "the transaction was rolled back", sql: sql)
    }

    /// Compiles the first statement of a text.
    ///
    /// - Returns: the statement (nil for comments and white space alone), and the rest of the text.
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
