import Broker
import Formats
public import FoundationEssentials
import HTTPEdge

/// The age of the oldest attempt that is considered, in seconds.
public enum LookBack {
    public static let allowed: ClosedRange<TimeInterval> = 1...315_360_000
    /// The default for a change's impact: seven days.
    public static let impact: TimeInterval = 604_800
    /// The default for the fleet: thirty days.
    public static let fleet: TimeInterval = 2_592_000

    static func schema(default span: TimeInterval, _ description: String? = nil) -> Schema {
        var schema: JSONValue = [
            "type": "number", "minimum": .number(allowed.lowerBound), "maximum": .number(allowed.upperBound),
            "default": .number(span),
        ]
        schema["description"] = description.map { .text($0) }
        return Schema(schema)
    }

    /// - Parameter span: a caller's; `nil` if it is not a number.
    /// - Throws: a ``Refusal`` outside of ``allowed``.
    static func checked(_ span: TimeInterval?) throws(Refusal) -> TimeInterval {
        guard let span, allowed.contains(span) else {
            throw Refusal(.invalidField, "span is a number of seconds, from 1 to 315360000.")
        }
        return span
    }
}
