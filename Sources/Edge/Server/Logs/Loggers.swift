import HTTPEdge
public import Logging

/// A part of the server that logs under a name, and at a level, of its own.
public enum Subsystem: String, Sendable, Hashable, CaseIterable {
    case kbs
    case http = "kbs.http"
    case broker = "kbs.broker"
    case endorsements = "kbs.endorsements"
    case storage = "kbs.storage"
    case audit = "kbs.audit"
    case administration = "kbs.admin"
    case tls = "kbs.tls"
}

/// The loggers of a server.
public struct Loggers: Sendable {
    private let make: @Sendable (String) -> any LogHandler
    private let levels: [Subsystem: Logger.Level]
    private let level: Logger.Level?

    /// To standard error, as the settings say.
    public init(_ settings: Settings) {
        let format = settings.logFormat
        make = { LineLogHandler(label: $0, format: format, sink: .standardError, metadataProvider: .requestID) }
        level = settings.logLevel
        levels = settings.logLevels
    }

    /// One logger for everything: the embedder's own, at its own level.
    public init(all logger: Logger) {
        make = { _ in logger.handler }
        level = nil
        levels = [:]
    }

    public subscript(subsystem: Subsystem) -> Logger {
        var logger = Logger(label: subsystem.rawValue) { make($0) }
        if let level = levels[subsystem] ?? level { logger.logLevel = level }
        return logger
    }

    /// For what logs by itself, such as a library: at the general level.
    public func handler(_ label: String) -> any LogHandler {
        var handler = make(label)
        if let level { handler.logLevel = level }
        return handler
    }
}
