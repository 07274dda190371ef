import Foundation
import Logging

/// How a log line is written.
public enum LogFormat: String, Sendable, Hashable, CaseIterable {
    /// For people: `2026-01-31T12:00:00+0000 info kbs: key=value [Module] Message`.
    case text
    /// For machines: an object.
    case json
}

/// Writes each event as one line. What came from outside cannot begin another: control characters are escaped.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    let sink: LogSink
    var metadataProvider: Logger.MetadataProvider?
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(label: String, format: LogFormat, sink: LogSink, metadataProvider: Logger.MetadataProvider?) {
        self.label = label
        self.format = format
        self.sink = sink
        self.metadataProvider = metadataProvider
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        let fields = LogLine.flatten(all)
        let (level, message, now) = (event.level.rawValue, event.message.description, Date())
        switch format {
        case .text:
            let rest = fields.map { " \(LogLine.visible($0))=\(LogLine.visible($1))" }.joined()
            sink.write(
                "\(LogLine.local(now)) \(level) \(label):\(rest) [\(event.source)] \(LogLine.visible(message))")
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
    /// The names that every object has.
    static let reserved: Set<String> = ["time", "level", "logger", "message"]

    /// By name; what is inside of something else by its dotted name.
    static func flatten(_ metadata: Logger.Metadata, under prefix: String = "") -> [(String, String)] {
        metadata.sorted { $0.key < $1.key }.flatMap { key, value -> [(String, String)] in
            if case .dictionary(let inner) = value { return flatten(inner, under: "\(prefix)\(key).") }
            return [(prefix + key, value.description)]
        }
    }

    /// The text with each control character, and each that turns the direction of writing, as an escape.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
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

    /// A JSON object with text in it. Source: RFC 8259, section 7.
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
            // All of these lie in the first plane, so that four digits are enough.
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

    /// RFC 3339, to the millisecond: `2026-01-31T12:00:00.123Z`.
    static func utc(_ date: Date) -> String {
        let milliseconds = Int64((date.timeIntervalSince1970 * 1_000).rounded(.down))
        var seconds = time_t(milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(format(&parts, "%Y-%m-%dT%H:%M:%S")).\(fraction)Z"
    }

    /// In the machine's time zone, to the second.
    static func local(_ date: Date) -> String {
        var seconds = time_t(date.timeIntervalSince1970)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return format(&parts, "%Y-%m-%dT%H:%M:%S%z")
    }

    private static func format(_ parts: inout tm, _ pattern: String) -> String {
        String(unsafeUninitializedCapacity: 64) { buffer in
            buffer.withMemoryRebound(to: CChar.self) { strftime($0.baseAddress, $0.count, pattern, &parts) }
        }
    }
}
