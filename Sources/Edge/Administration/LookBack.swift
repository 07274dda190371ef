import Broker
import Formats
public import FoundationEssentials
import HTTPEdge

/// How far back attempts are looked at, in seconds.
public enum LookBack {
    public static let allowed: ClosedRange<TimeInterval> = 1...315_360_000
    /// For what a change means, where nobody says: seven days.
    public static let impact: TimeInterval = 604_800
    /// For the fleet, where nobody says: thirty days.
    public static let fleet: TimeInterval = 2_592_000

    static func schema(usual: TimeInterval, _ description: String? = nil) -> Schema {
        var schema: JSONValue = [
            "type": "number", "minimum": .number(allowed.lowerBound), "maximum": .number(allowed.upperBound),
            "default": .number(usual),
        ]
        schema["description"] = description.map { .text($0) }
        return Schema(schema)
    }

    /// - Parameter span: what a caller wrote; `nil` for what is no number.
    /// - Throws: a ``Refusal`` for what is not allowed.
    static func checked(_ span: TimeInterval?) throws(Refusal) -> TimeInterval {
        guard let span, allowed.contains(span) else {
            throw Refusal(.invalidField, "span is a number of seconds, from 1 to 315360000.")
        }
        return span
    }
}
