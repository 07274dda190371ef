extension Logger {
    /// An event's severity.
    public enum Level: String, Sendable, Hashable, CaseIterable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        public static func < (less: Level, more: Level) -> Bool { less.severity < more.severity }

        private var severity: Int {
            switch self {
            case .trace: 0
            case .debug: 1
            case .info: 2
            case .notice: 3
            case .warning: 4
            case .error: 5
            case .critical: 6
            }
        }
    }

    /// An event's message.
    public struct Message: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
        public let description: String

        public init(stringLiteral value: String) { description = value }
    }

    /// Named fields of a line.
    public typealias Metadata = [String: String]

    /// Adds fields of the current context, such as the request being answered.
    public typealias MetadataProvider = @Sendable () -> Metadata
}
