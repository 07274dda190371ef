/// Writes log events under a label, at a level of its own. The surface is like swift-log's.
public struct Logger: Sendable {
    /// Whose events these are, e.g. "kbs.http".
    public let label: String
    /// What an event is given to.
    public var handler: any LogHandler

    /// As text, on standard error.
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

    /// Writes an event, if its level is severe enough. Nothing is evaluated otherwise.
    ///
    /// - Parameters:
    ///   - message: a sentence. What is different each time goes into `metadata`.
    ///   - metadata: the event's own fields; they win over what the handler adds.
    ///   - alike: what makes it a repetition of others with its message: see ``RepeatedEvents``.
    ///   - fileID: tells the module that logs.
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
    /// For following each step.
    public func trace(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .trace, message(), metadata: metadata(), fileID: fileID)
    }

    /// For finding a fault.
    public func debug(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .debug, message(), metadata: metadata(), fileID: fileID)
    }

    /// The ordinary course of things.
    public func info(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .info, message(), metadata: metadata(), fileID: fileID)
    }

    /// Ordinary, and worth a look.
    public func notice(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .notice, message(), metadata: metadata(), fileID: fileID)
    }

    /// Something may go wrong later.
    public func warning(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .warning, message(), metadata: metadata(), fileID: fileID)
    }

    /// Something went wrong.
    public func error(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .error, message(), metadata: metadata(), fileID: fileID)
    }

    /// Somebody must act at once.
    public func critical(
        _ message: @autoclosure () -> Message, metadata: @autoclosure () -> Metadata = [:],
        fileID: StaticString = #fileID
    ) {
        log(level: .critical, message(), metadata: metadata(), fileID: fileID)
    }
}
