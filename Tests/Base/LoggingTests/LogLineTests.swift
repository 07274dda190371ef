import Bytes
import Foundation
import Testing

@testable import Logging

/// Log lines that were written to a real file.
private final class LogFile {
    private let path: String
    private let handle: FileHandle
    let sink: LogSink

    init() throws {
        path = NSTemporaryDirectory() + "kbs-log-\(UUID())"
        try Data().write(to: URL(fileURLWithPath: path))
        handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        sink = LogSink(descriptor: handle.fileDescriptor)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func logger(_ format: LogFormat, _ label: String = "kbs.http") -> Logger {
        Logger(label: label) { LineLogHandler(label: $0, format: format, sink: sink) }
    }

    var text: String { get throws { try String(contentsOfFile: path, encoding: .utf8) } }
    var lines: [Substring] {
        get throws { try text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() }
    }

    func objects() throws -> [[String: String]] {
        try lines.map { try JSONDecoder().decode([String: String].self, from: Data($0.utf8)) }
    }
}

@Suite("Log lines")
struct LogLineTests {
    private static let hostile = "a\nb\r{\"level\":\"critical\"}\u{1B}[2J\u{0}\u{7F}\u{85}\u{2028}\u{202E}\\\"é🔑\t."

    @Test("A JSON line is one object, with its time in UTC to the millisecond")
    func json() throws {
        let log = try LogFile()
        log.logger(.json).notice("Refused.", metadata: ["code": "x", "b": "2"])
        let object = try #require(try log.objects().first)
        #expect(try log.objects().count == 1)
        #expect(object["level"] == "notice" && object["logger"] == "kbs.http" && object["message"] == "Refused.")
        #expect(object["code"] == "x" && object["b"] == "2")
        let time = try #require(object["time"])
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        #expect(object.count == 6)
    }

    @Test("The time is the event's, with leading zeros")
    func time() {
        #expect(LogLine.utc(timespec(tv_sec: 1_769_860_800, tv_nsec: 7_000_000)) == "2026-01-31T12:00:00.007Z")
        #expect(LogLine.utc(timespec(tv_sec: 0, tv_nsec: 999_900_000)) == "1970-01-01T00:00:00.999Z")
    }

    @Test("What came from outside cannot begin a line, nor hide one", arguments: LogFormat.allCases)
    func injection(format: LogFormat) throws {
        let log = try LogFile()
        log.logger(format).info("\(Self.hostile)", metadata: ["value": "\(Self.hostile)", "k\ney": "v"])
        let text = try log.text
        #expect(try log.lines.count == 1)
        #expect(
            text.dropLast().unicodeScalars.allSatisfy { scalar in
                scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value)
                    && ![0x2028, 0x2029, 0x202E].contains(scalar.value)
            })
        #expect(text.contains("é🔑"))
    }

    @Test("A JSON reader gets back what was logged, and no field can be passed off as another")
    func roundTrip() throws {
        let log = try LogFile()
        log.logger(.json).info("m", metadata: ["value": "\(Self.hostile)", "level": "critical", "time": "never"])
        let object = try #require(try log.objects().first)
        #expect(object["value"] == Self.hostile)
        #expect(object["level"] == "info" && object["_level"] == "critical" && object["_time"] == "never")
    }

    @Test("A text line has the shape that scripts know, with the module that logs")
    func shape() throws {
        let log = try LogFile()
        log.logger(.text, "kbs").info("Listening.", metadata: ["b": "2", "address": "http://127.0.0.1:1/kbs/v0"])
        let shape =
            /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} info kbs: address=http:\/\/127\.0\.0\.1:1\/kbs\/v0 b=2 \[LoggingTests\] Listening\./
        let line = try #require(try log.lines.first)
        #expect(line.wholeMatch(of: shape) != nil, "\(line)")
    }

    @Test("Lines of many threads are not mixed")
    func threads() async throws {
        let log = try LogFile()
        let logger = log.logger(.json)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    for turn in 0..<50 {
                        logger.info(
                            "Long.",
                            metadata: ["n": "\(worker)-\(turn)", "filler": "\(String(repeating: "x", count: 9_000))"])
                    }
                }
            }
        }
        let objects = try log.objects()
        #expect(objects.count == 400)
        #expect(Set(objects.compactMap { $0["n"] }).count == 400)
    }

    @Test("A whole line goes into a pipe that does not block and is full at first")
    func fullPipe() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let (reader, writer) = (FileHandle(fileDescriptor: ends[0], closeOnDealloc: true), ends[1])
        _ = fcntl(writer, F_SETFL, O_NONBLOCK)
        let line = String(repeating: "x", count: 300_000)
        let thread = Thread {
            LogSink(descriptor: writer).write(line)
            close(writer)
        }
        thread.start()
        let read = try #require(try reader.readToEnd())
        #expect(read == Data("\(line)\n".utf8))
    }

    @Test("A secret that is logged by mistake shows its size only", arguments: LogFormat.allCases)
    func secret(format: LogFormat) throws {
        let log = try LogFile()
        let secret = Secret(Array("hush".utf8))
        log.logger(format).error("\(secret)", metadata: ["secret": "\(secret)"])
        #expect(try !log.text.contains("hush") && log.text.contains("Secret(4 bytes)"))
    }
}

@Suite("Loggers")
struct LoggerTests {
    @Test("Nothing under a logger's level is written, or even evaluated", arguments: Logger.Level.allCases)
    func levels(level: Logger.Level) throws {
        let log = try LogFile()
        var logger = log.logger(.json)
        logger.logLevel = level
        var evaluated = 0
        func message() -> Logger.Message {
            evaluated += 1
            return "said"
        }
        logger.trace(message())
        logger.debug(message())
        logger.info(message())
        logger.notice(message())
        logger.warning(message())
        logger.error(message())
        logger.critical(message())
        let written = Logger.Level.allCases.filter { $0 >= level }
        #expect(try log.objects().map { $0["level"] } == written.map(\.rawValue))
        #expect(evaluated == written.count)
    }

    @Test("Levels are in the order of their severity")
    func order() {
        #expect(Logger.Level.allCases == [.trace, .debug, .info, .notice, .warning, .error, .critical])
        #expect(Logger.Level.allCases.sorted() == Logger.Level.allCases)
    }

    @Test("An event's fields win over what the moment adds")
    func precedence() throws {
        let log = try LogFile()
        let logger = Logger(label: "kbs") {
            LineLogHandler(label: $0, format: .json, sink: log.sink) { ["b": "moment", "c": "moment"] }
        }
        logger.info("m", metadata: ["c": "event"])
        let object = try #require(try log.objects().first)
        #expect(object["b"] == "moment" && object["c"] == "event")
    }

    @Test("A copy of a logger has a level of its own")
    func copies() throws {
        let log = try LogFile()
        let logger = log.logger(.json)
        var other = logger
        other.logLevel = .trace
        #expect(logger.logLevel == .info)
    }
}
