import CSQLite

/// A database error, with the statement and without its arguments.
public struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite's extended code, e.g. `SQLITE_CONSTRAINT_FOREIGNKEY`; `SQLITE_ERROR` for errors of this module.
    public let extendedResultCode: ResultCode
    public let message: String
    /// The failed statement.
    public let sql: String?

    public init(_ code: ResultCode = .error, message: String, sql: String? = nil) {
        extendedResultCode = code
        self.message = message
        self.sql = sql
    }

    /// The primary code, e.g. `SQLITE_CONSTRAINT`.
    public var resultCode: ResultCode { ResultCode(rawValue: extendedResultCode.rawValue & 0xFF) }

    public var description: String {
        let place = sql.map { " - while executing `\($0.hasSuffix(";") ? String($0.dropLast()) : $0)`" } ?? ""
        return "SQLite error \(resultCode.rawValue): \(message)\(place)"
    }
}

/// SQLite's result codes that callers distinguish.
public struct ResultCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// `SQLITE_ERROR`
    public static let error = ResultCode(rawValue: SQLITE_ERROR)
    /// `SQLITE_ABORT`: SQLite has rolled the transaction back.
    public static let abort = ResultCode(rawValue: SQLITE_ABORT)
    /// `SQLITE_BUSY`: another connection held its lock for longer than ``Configuration/busyTimeout``.
    public static let busy = ResultCode(rawValue: SQLITE_BUSY)
    /// `SQLITE_READONLY`
    public static let readOnly = ResultCode(rawValue: SQLITE_READONLY)
    /// `SQLITE_CANTOPEN`
    public static let cannotOpen = ResultCode(rawValue: SQLITE_CANTOPEN)
    /// `SQLITE_CONSTRAINT`
    public static let constraint = ResultCode(rawValue: SQLITE_CONSTRAINT)
    /// `SQLITE_MISMATCH`: a value has another type than the requested one.
    public static let mismatch = ResultCode(rawValue: SQLITE_MISMATCH)
    /// `SQLITE_NOTADB`
    public static let notADatabase = ResultCode(rawValue: SQLITE_NOTADB)
}
