import HTTPEdge
import Lifecycle
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
    /// Counts repetitions; `nil`: an embedder sees each event.
    let repeated: RepeatedEvents?

    /// To standard error, as the settings say.
    public init(_ settings: Settings) {
        let (format, repeated) = (settings.logFormat, RepeatedEvents())
        make = {
            repeated.handler(
                over: LineLogHandler(
                    label: $0, format: format, sink: .standardError, metadataProvider: .request), $0)
        }
        self.repeated = repeated
        level = settings.logLevel
        levels = settings.logLevels
    }

    /// One logger for everything: the embedder's own, at its own level.
    public init(all logger: Logger) {
        make = { _ in logger.handler }
        repeated = nil
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

/// Writes how often events were repeated.
struct RepetitionReport: Service {
    let repeated: RepeatedEvents

    func run(until stop: StopRequest) async throws {
        while await stop.sleep(for: .seconds(5)) { repeated.report() }
    }
}
