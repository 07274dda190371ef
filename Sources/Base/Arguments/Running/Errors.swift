/// An invalid argument, detected by the command itself. It is shown with the command's usage.
public struct ValidationError: Error, CustomStringConvertible {
    public let message: String

    public init(_ message: String) { self.message = message }

    public var description: String { message }
}

/// Ends the program with this status, silently.
public struct ExitCode: Error, Hashable, Sendable {
    public let rawValue: Int32

    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    public static let success = ExitCode(0)
    public static let failure = ExitCode(1)
    /// A usage error (`EX_USAGE`).
    public static let validationFailure = ExitCode(64)
}

/// Ends a command early without an error.
public enum CleanExit: Error, Hashable, Sendable {
    /// Shows the command's help.
    case helpRequest
}
