import Concurrency
import Logging
import Server

/// Remembers every log line, at every level.
final class LogRecorder: Sendable {
    private let recorded = Lock<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel: Logger.Level = .trace
        let metadataProvider: Logger.MetadataProvider? = Logger.requestMetadata

        func log(event: LogEvent) {
            recorder.recorded.withLock { $0.append("\(event.level) \(event.message) \(allMetadata(event))") }
        }
    }
}
