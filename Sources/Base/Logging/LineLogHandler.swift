import Glibc

/// The form of log lines.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// `2026-01-31T12:00:00+0000 info kbs: key=value [Module] Message`.
    case text
    /// A JSON object.
    case json
}

/// Writes each event as one line. Control characters are escaped, so that no input begins another line.
public struct LineLogHandler: LogHandler {
    public let label: String
    public let format: LogFormat
    public let sink: LogSink
    public let metadataProvider: Logger.MetadataProvider?
    public var logLevel = Logger.Level.info

    public init(
        label: String, format: LogFormat, sink: LogSink, metadataProvider: Logger.MetadataProvider? = nil
    ) {
        self.label = label
        self.format = format
        self.sink = sink
        self.metadataProvider = metadataProvider
    }

    public func log(event: LogEvent) {
        let fields = allMetadata(event).sorted { $0.key < $1.key }
        let (level, message, now) = (event.level.rawValue, event.message.description, LogLine.now())
        switch format {
        case .text:
            var parts = [LogLine.local(now), " ", level, " ", label, ":"]
            for (name, value) in fields { parts += [" ", LogLine.visible(name), "=", LogLine.visible(value)] }
            sink.write((parts + [" [", event.source, "] ", LogLine.visible(message)]).joined())
        case .json:
            sink.write(
                LogLine.object(
                    [("time", LogLine.utc(now)), ("level", level), ("logger", label), ("message", message)]
                        + fields.map { (LogLine.reserved.contains($0.0) ? "_" + $0.0 : $0.0, $0.1) }))
        }
    }
}

/// The parts of a line.
enum LogLine {
    /// The names of every object's own members.
    static let reserved: Set<String> = ["time", "level", "logger", "message"]

    /// The text with control characters, and those that change the direction of writing, escaped.
    static func visible(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var visible = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": visible += "\\n"
            case "\r": visible += "\\r"
            case "\t": visible += "\\t"
            case _ where isControl(scalar): visible += "\\u{\(String(scalar.value, radix: 16))}"
            default: visible.unicodeScalars.append(scalar)
            }
        }
        return visible
    }

    /// A JSON object of strings. Source: RFC 8259, section 7.
    static func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\(quote($0)):\(quote($1))" }.joined(separator: ",") + "}"
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            // All of these are in the Basic Multilingual Plane: four digits.
            case _ where isControl(scalar):
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    static func now() -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return now
    }

    /// RFC 3339, to the millisecond: `2026-01-31T12:00:00.123Z`.
    static func utc(_ time: timespec) -> String {
        var (seconds, parts) = (time.tv_sec, tm())
        gmtime_r(&seconds, &parts)
        let fraction = String(1_000 + time.tv_nsec / 1_000_000).dropFirst()
        return "\(format(&parts, "%Y-%m-%dT%H:%M:%S")).\(fraction)Z"
    }

    /// In the machine's time zone, to the second.
    static func local(_ time: timespec) -> String {
        var (seconds, parts) = (time.tv_sec, tm())
        localtime_r(&seconds, &parts)
        return format(&parts, "%Y-%m-%dT%H:%M:%S%z")
    }

    private static func format(_ parts: inout tm, _ pattern: String) -> String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress, $0.count, pattern, &parts) }
        }
    }
}
