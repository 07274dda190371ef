/// An argument that cannot be used, found out by the command itself. The command's usage is shown with it.
public struct ValidationError: Error, CustomStringConvertible {
    public let message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

/// Ends the program with this status and no word.
public struct ExitCode: Error, Hashable, Sendable {
    public let rawValue: Int32

    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    public static let success = ExitCode(0)
    public static let failure = ExitCode(1)
    /// Of words that no command takes (`EX_USAGE`).
    public static let validationFailure = ExitCode(64)
}

/// What ends a command early, though nothing is wrong.
public enum CleanExit: Error, Hashable, Sendable {
    /// Shows the command's help.
    case helpRequest
}
