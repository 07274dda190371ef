/// The destination of a logger's events.
public protocol LogHandler: Sendable {
    /// Adds fields to each event.
    var metadataProvider: Logger.MetadataProvider? { get }
    /// The least severe level that is written.
    var logLevel: Logger.Level { get set }

    /// Writes an event of a sufficient level.
    func log(event: LogEvent)
}

public struct LogEvent: Sendable {
    public let level: Logger.Level
    public let message: Logger.Message
    /// The event's own fields.
    public let metadata: Logger.Metadata
    /// The logging module, e.g. "Server".
    public let source: String
    /// The key by which events of one message are repetitions (``RepeatedEvents``). nil: a fault's error; other events are
    /// no repetitions.
    public let alike: String?

    /// - Parameter fileID: `#fileID`: the module, a slash and the file.
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

    /// A changed copy.
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

    /// The provider's fields and the event's own, which take precedence.
    public func allMetadata(_ event: LogEvent) -> Logger.Metadata {
        metadataProvider.map { $0().merging(event.metadata) { $1 } } ?? event.metadata
    }
}

/// Discards all events.
public struct NoOpLogHandler: LogHandler {
    public var logLevel = Logger.Level.critical

    public init() {}

    public func log(event: LogEvent) {}
}
