/// A logger with a label and a level. The interface is like swift-log's.
public struct Logger: Sendable {
    /// The source of the events, e.g. "kbs.http".
    public let label: String
    public var handler: any LogHandler

    /// Logs as text to standard error.
    public init(label: String) {
        self.init(label: label) { LineLogHandler(label: $0, format: .text, sink: .standardError) }
    }

    /// - Parameter factory: makes the handler for the label.
    public init(label: String, factory: (String) -> any LogHandler) {
        self.label = label
        handler = factory(label)
    }

    /// The least severe level that is written.
    public var logLevel: Level {
        get { handler.logLevel }
        set { handler.logLevel = newValue }
    }

    /// Writes an event of a sufficient level; otherwise evaluates nothing.
    ///
    /// - Parameters:
    ///   - message: a constant sentence. Variable parts go into `metadata`.
    ///   - metadata: the event's own fields, which take precedence over the handler's.
    ///   - alike: the key by which events of one message are repetitions (``RepeatedEvents``).
    ///   - fileID: names the logging module.
    public func log(
        level: Level, _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        alike: @autoclosure () -> String? = nil, fileID: StaticString = #fileID
    ) {
        guard logLevel <= level else { return }
        handler.log(
            event: LogEvent(level: level, message: message(), metadata: metadata(), alike: alike(), fileID: fileID))
    }
}

extension Logger {
    /// Each step.
    public func trace(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .trace, message(), metadata: metadata(), fileID: fileID)
    }

    /// Details for finding a fault.
    public func debug(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .debug, message(), metadata: metadata(), fileID: fileID)
    }

    /// Normal operation.
    public func info(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .info, message(), metadata: metadata(), fileID: fileID)
    }

    /// Normal, and worth attention.
    public func notice(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .notice, message(), metadata: metadata(), fileID: fileID)
    }

    /// A risk of a later failure.
    public func warning(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .warning, message(), metadata: metadata(), fileID: fileID)
    }

    /// A failure.
    public func error(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .error, message(), metadata: metadata(), fileID: fileID)
    }

    /// A failure that needs action at once.
    public func critical(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .critical, message(), metadata: metadata(), fileID: fileID)
    }
}
