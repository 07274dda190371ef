import CSQLite

/// A copy of a row's values.
public struct Row: Hashable, Sendable {
    private let values: [DatabaseValue]
    /// For errors.
    private let sql: String

    /// Copies a statement's current row.
    init(of statement: OpaquePointer, _ sql: String) throws {
        var values: [DatabaseValue] = []
        let count = sqlite3_data_count(statement)
        values.reserveCapacity(Int(count))
        for index in 0..<count { values.append(try Row.value(index, of: statement, sql)) }
        self.values = values
        self.sql = sql
    }

    /// The number of columns.
    public var count: Int { values.count }

    /// The value of a column, counted from 0.
    ///
    /// - Throws: `DatabaseError` without this column, or for a value of another type: the file is untrusted input.
    public subscript<Value: DatabaseValueConvertible>(index: Int) -> Value {
        get throws {
            guard let value = Value(databaseValue: try value(index)) else { throw mismatch(index, "\(Value.self)") }
            return value
        }
    }

    /// An integer, `nil` for NULL; the same as the subscript, which generic code makes several times as slow.
    public func optionalInteger(_ index: Int) throws -> Int64? {
        switch try value(index) {
        case .integer(let number): number
        case .null: nil
        default: throw mismatch(index, "an integer")
        }
    }

    /// A text, `nil` for NULL.
    public func optionalText(_ index: Int) throws -> String? {
        switch try value(index) {
        case .text(let text): text
        case .null: nil
        default: throw mismatch(index, "text")
        }
    }

    /// A blob, `nil` for NULL.
    public func optionalBytes(_ index: Int) throws -> [UInt8]? {
        switch try value(index) {
        case .blob(let bytes): bytes
        case .null: nil
        default: throw mismatch(index, "a blob")
        }
    }

    private func value(_ index: Int) throws -> DatabaseValue {
        guard values.indices.contains(index) else {
            throw DatabaseError(message: "there is no column \(index): the row has \(values.count)", sql: sql)
        }
        return values[index]
    }

    private func mismatch(_ index: Int, _ wanted: String) -> DatabaseError {
        DatabaseError(
            .mismatch, message: "column \(index) holds \(values[index].kind) and should be \(wanted)", sql: sql)
    }

    private static func value(
        _ index: Int32, of statement: OpaquePointer, _ sql: String
    ) throws -> DatabaseValue {
        switch sqlite3_column_type(statement, index) {
        case SQLITE_NULL: return .null
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(statement, index))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(statement, index))
        case SQLITE_TEXT:
            // The text before its length: SQLite may convert it.
            guard let text = sqlite3_column_text(statement, index) else {
                throw DatabaseError(ResultCode(rawValue: SQLITE_NOMEM), message: "out of memory", sql: sql)
            }
            let bytes = UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, index)))
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw DatabaseError(.mismatch, message: "column \(index) holds text that is not UTF-8", sql: sql)
            }
            return .text(text)
        default:
            // An empty blob has no address.
            guard let bytes = sqlite3_column_blob(statement, index) else { return .blob([]) }
            let count = Int(sqlite3_column_bytes(statement, index))
            return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: count)))
        }
    }
}

extension Row {
    public static func fetchAll(_ statement: Statement, arguments: StatementArguments = []) throws -> [Row] {
        var rows: [Row] = []
        try statement.forEachRow(arguments) { rows.append($0) }
        return rows
    }

    public static func fetchAll(
        _ database: Database, sql: String, arguments: StatementArguments = []
    ) throws -> [Row] {
        try fetchAll(database.makeStatement(sql: sql), arguments: arguments)
    }

    /// - Returns: nil without a row.
    public static func fetchOne(
        _ database: Database, sql: String, arguments: StatementArguments = []
    ) throws -> Row? {
        try database.makeStatement(sql: sql).firstRow(arguments)
    }
}

/// Values of the first column.
extension DatabaseValueConvertible {
    /// - Throws: `DatabaseError`, also for NULL or a value of another type.
    public static func fetchAll(_ statement: Statement, arguments: StatementArguments = []) throws -> [Self] {
        try Row.fetchAll(statement, arguments: arguments).map { try $0[0] }
    }

    public static func fetchAll(
        _ database: Database, sql: String, arguments: StatementArguments = []
    ) throws -> [Self] {
        try fetchAll(database.makeStatement(sql: sql), arguments: arguments)
    }

    /// - Returns: nil without a row, or for NULL.
    public static func fetchOne(_ statement: Statement, arguments: StatementArguments = []) throws -> Self? {
        guard let row = try statement.firstRow(arguments) else { return nil }
        return try row[0] as Self?
    }

    /// - Returns: nil without a row, or for NULL.
    public static func fetchOne(
        _ database: Database, sql: String, arguments: StatementArguments = []
    ) throws -> Self? {
        try fetchOne(database.makeStatement(sql: sql), arguments: arguments)
    }
}
