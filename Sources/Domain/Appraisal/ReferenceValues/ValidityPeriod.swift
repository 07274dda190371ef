import Formats
public import FoundationEssentials

/// The period in which a reference value is valid, in whole seconds. A missing end is open.
public struct ValidityPeriod: Sendable, Hashable {
    /// The first second in it.
    public let from: Date?
    /// The first second after it.
    public let expires: Date?

    public static let always = ValidityPeriod()

    public init(from: Date? = nil, expires: Date? = nil) {
        func whole(_ date: Date) -> Date { Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down)) }
        (self.from, self.expires) = (from.map(whole), expires.map(whole))
    }

    /// The position of a time relative to the period.
    public enum State: Sendable, Hashable {
        case notYet(from: Date)
        case inForce
        case over(since: Date)
    }

    public func state(at time: Date) -> State {
        if let expires, expires <= time { return .over(since: expires) }
        if let from, time < from { return .notYet(from: from) }
        return .inForce
    }

    public func contains(_ time: Date) -> Bool { state(at: time) == .inForce }

    /// The period, ending at `time` at the latest.
    public func ending(by time: Date) -> ValidityPeriod {
        ValidityPeriod(from: from, expires: expires.map { min($0, time) } ?? time)
    }

    /// - Throws: a ``Refusal`` when it ends before it begins, most likely because the two were confused.
    public func check() throws(Refusal) {
        guard let from, let expires, expires <= from else { return }
        throw Refusal(
            .invalidField,
            "valid_from (\(RFC3339.text(from))) is not before expires (\(RFC3339.text(expires))), so the value would "
                + "never be valid: give an expires after valid_from.")
    }
}
