/// Where a logger's events go.
public protocol LogHandler: Sendable {
    /// Asked for more fields at each event.
    var metadataProvider: Logger.MetadataProvider? { get }
    /// The least severe level that is written.
    var logLevel: Logger.Level { get set }

    /// Writes an event. Its level has been looked at.
    func log(event: LogEvent)
}

/// One thing that is logged.
public struct LogEvent: Sendable {
    public let level: Logger.Level
    public let message: Logger.Message
    /// The event's own fields.
    public let metadata: Logger.Metadata
    /// The module that logs, e.g. "Server".
    public let source: String
    /// What makes it a repetition of others with its message: see ``RepeatedEvents``. nil: a fault repeats others with the
    /// same error, and anything else counts.
    public let alike: String?

    /// - Parameter fileID: as `#fileID` is: the module, a slash and the file.
    public init(
        level: Logger.Level, message: Logger.Message, metadata: Logger.Metadata, alike: String? = nil,
        fileID: StaticString
    ) {
        self.level = level
        self.message = message
        self.metadata = metadata
        self.alike = alike
        source = fileID.withUTF8Buffer { String(decoding: $0.prefix { $0 != UInt8(ascii: "/") }, as: UTF8.self) }
    }

    /// Another one with other parts.
    init(_ event: LogEvent, level: Logger.Level? = nil, message: Logger.Message? = nil, metadata: Logger.Metadata) {
        self.level = level ?? event.level
        self.message = message ?? event.message
        self.metadata = metadata
        alike = event.alike
        source = event.source
    }
}

extension LogHandler {
    public var metadataProvider: Logger.MetadataProvider? { nil }

    /// What the handler's provider adds, and the event's own fields, which win.
    public func allMetadata(_ event: LogEvent) -> Logger.Metadata {
        metadataProvider.map { $0().merging(event.metadata) { $1 } } ?? event.metadata
    }
}

/// Drops everything.
public struct NoOpLogHandler: LogHandler {
    public var logLevel = Logger.Level.critical

    public init() {}

    public func log(event: LogEvent) {}
}
