/// What PostgreSQL answered in the place of a result.
///
/// Its details, which may quote rows, are left out.
public struct PostgreSQLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Five characters: PostgreSQL's appendix A.
    public let sqlState: String
    public let message: String

    public var description: String { "PostgreSQL: \(message) (\(sqlState))" }

    public init(sqlState: String, message: String) { (self.sqlState, self.message) = (sqlState, message) }

    public static let uniqueViolation = "23505"
    /// Not within `statement_timeout`.
    public static let queryCancelled = "57014"
}

/// A connection that cannot be used any more. Whether what was sent last was done is not known.
public struct ConnectionBroken: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// An answer has another form than was asked for.
public struct MalformedResult: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// The database that was asked for cannot be used, for a reason that an operator has to look at.
public struct PostgreSQLUnusable: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}

/// What to do about an error that PostgreSQL answered with.
public enum Remedy: Sendable, Equatable {
    /// The same again, alone: it and others were in each other's way.
    case again
    /// The same again on another connection: this server, or this connection, is not of use now.
    case elsewhere
    /// Nothing that can be done here within a request's time.
    case later(seconds: Int)
    /// It is wrong.
    case none

    public init(_ error: PostgreSQLError) {
        switch error.sqlState {
        // Serialisation failure, deadlock, a lock that was not free in time.
        case "40001", "40P01", "55P03": self = .again
        // A read-only transaction: a failover made this server the standby.
        case "25006": self = .elsewhere
        // Shutdown, crash of another backend, not yet or no longer serving; a backend that was idle for too long.
        case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03": self = .elsewhere
        // A prepared statement is gone (a pooler is between), or a migration has changed what it returns.
        case "26000", "0A000": self = .elsewhere
        // A statement took longer than it may.
        case "57014": self = .later(seconds: 5)
        // Out of disk, memory, connections, or a configured limit; an error of the system.
        case "53000", "53100", "53200", "53300", "53400", "58000", "58030": self = .later(seconds: 30)
        default: self = error.sqlState.hasPrefix("08") ? .elsewhere : .none
        }
    }
}
