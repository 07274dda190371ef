import HTTPEdge
package import Installation
import Lifecycle
package import Logging
import Tracing

/// The loggers of a server.
package struct Loggers: Sendable {
    private let make: @Sendable (String) -> any LogHandler
    private let levels: [Subsystem: Logger.Level]
    private let level: Logger.Level?
    /// Counts repetitions; `nil` for an embedder, whose logger gets each event.
    let repeated: RepeatedEvents?

    /// Loggers to standard error, with the settings' format and levels.
    package init(_ settings: Settings) {
        let (format, repeated) = (settings.logFormat, RepeatedEvents())
        make = {
            repeated.handler(
                over: LineLogHandler(
                    label: $0, format: format, sink: .standardError, metadataProvider: Logger.requestMetadata), $0)
        }
        self.repeated = repeated
        level = settings.logLevel
        levels = settings.logLevels
    }

    /// One logger for everything: the embedder's own, at its own level.
    package init(all logger: Logger) {
        make = { _ in logger.handler }
        repeated = nil
        level = nil
        levels = [:]
    }

    package subscript(subsystem: Subsystem) -> Logger {
        var logger = Logger(label: subsystem.rawValue) { make($0) }
        if let level = levels[subsystem] ?? level { logger.logLevel = level }
        return logger
    }

    /// A handler at the general level, for libraries with loggers of their own.
    package func handler(_ label: String) -> any LogHandler {
        var handler = make(label)
        if let level { handler.logLevel = level }
        return handler
    }
}

extension Logger {
    /// `request=… address=…` for every line written on behalf of a request.
    package static let requestMetadata: MetadataProvider = {
        guard let context = ServiceContext.current, let id = context.requestID else { return [:] }
        return context.caller.map { ["request": "\(id)", "address": "\($0)"] } ?? ["request": "\(id)"]
    }
}

/// Logs how often events were repeated.
struct RepetitionReport: Service {
    let repeated: RepeatedEvents

    func run(until stop: StopRequest) async throws {
        while await stop.sleep(for: .seconds(5)) { repeated.report() }
    }
}
