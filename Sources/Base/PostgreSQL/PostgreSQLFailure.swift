/// PostgreSQL's error, without its details, which may quote rows.
public struct PostgreSQLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Five characters. Source: PostgreSQL's documentation, appendix A.
    public let sqlState: String
    public let message: String

    public var description: String { "PostgreSQL: \(message) (\(sqlState))" }

    public init(sqlState: String, message: String) { (self.sqlState, self.message) = (sqlState, message) }

    /// `statement_timeout` has passed.
    public static let queryCancelled = "57014"
}

/// A broken connection. Whether its last statements were run is unknown.
public struct ConnectionBroken: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// A result of another form than requested.
public struct MalformedResult: Error, Sendable, CustomStringConvertible {
    public let description: String
}

/// An unsuitable database, which an operator must correct.
public struct PostgreSQLUnusable: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
}

/// The reaction to an error of PostgreSQL.
public enum Remedy: Sendable, Equatable {
    /// Retry alone: the transaction conflicted with others.
    case again
    /// Retry on another connection: this server or connection is not usable now.
    case elsewhere
    /// Retry later than within a request.
    case later(seconds: Int)
    /// A permanent error.
    case none

    public init(_ error: PostgreSQLError) {
        switch error.sqlState {
        // Serialisation failure, deadlock, lock timeout.
        case "40001", "40P01", "55P03": self = .again
        // A read-only transaction: a failover made this server the standby.
        case "25006": self = .elsewhere
        // Shutdown, crash of another backend, not serving yet or any more, idle timeout.
        case "57P01", "57P02", "57P03", "57P04", "57P05", "25P03": self = .elsewhere
        // A prepared statement is missing (by a pooler in between), or a migration has changed its result.
        case "26000", "0A000": self = .elsewhere
        // Statement timeout.
        case "57014": self = .later(seconds: 5)
        // Disk, memory, connections or a configured limit exhausted; a system error.
        case "53000", "53100", "53200", "53300", "53400", "58000", "58030": self = .later(seconds: 30)
        default: self = error.sqlState.hasPrefix("08") ? .elsewhere : .none
        }
    }
}
