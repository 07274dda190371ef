import CSQLite

/// Why a database did not do what it was asked.
///
/// It names the statement, and never the values that went with it.
public struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What SQLite answered, in full: `SQLITE_CONSTRAINT_FOREIGNKEY`. It is `SQLITE_ERROR` for an error of ours.
    public let extendedResultCode: ResultCode
    /// What is wrong, as SQLite or the caller says it.
    public let message: String
    /// The statement that failed.
    public let sql: String?

    public init(_ code: ResultCode = .error, message: String, sql: String? = nil) {
        extendedResultCode = code
        self.message = message
        self.sql = sql
    }

    /// The kind of failure: `SQLITE_CONSTRAINT`, whichever constraint it was.
    public var resultCode: ResultCode { ResultCode(rawValue: extendedResultCode.rawValue & 0xFF) }

    public var description: String {
        let place = sql.map { " - while executing `\($0.hasSuffix(";") ? String($0.dropLast()) : $0)`" } ?? ""
        return "SQLite error \(resultCode.rawValue): \(message)\(place)"
    }
}

/// SQLite's result codes, those that a caller may tell apart.
public struct ResultCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// `SQLITE_ERROR`
    public static let error = ResultCode(rawValue: SQLITE_ERROR)
    /// `SQLITE_ABORT`: the transaction was rolled back by SQLite itself.
    public static let abort = ResultCode(rawValue: SQLITE_ABORT)
    /// `SQLITE_BUSY`: another process was at work for longer than ``Configuration/busyTimeout``.
    public static let busy = ResultCode(rawValue: SQLITE_BUSY)
    /// `SQLITE_READONLY`
    public static let readOnly = ResultCode(rawValue: SQLITE_READONLY)
    /// `SQLITE_CANTOPEN`
    public static let cannotOpen = ResultCode(rawValue: SQLITE_CANTOPEN)
    /// `SQLITE_CONSTRAINT`
    public static let constraint = ResultCode(rawValue: SQLITE_CONSTRAINT)
    /// `SQLITE_MISMATCH`: a value is of another type than the one asked for.
    public static let mismatch = ResultCode(rawValue: SQLITE_MISMATCH)
    /// `SQLITE_NOTADB`
    public static let notADatabase = ResultCode(rawValue: SQLITE_NOTADB)
}
