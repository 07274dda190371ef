import Formats
public import FoundationEssentials

/// When a reference value counts: from a time, until another; without an end where one is missing. In whole seconds.
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

    /// Where a time lies.
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

    /// The same, but ending at a time if it does not end earlier.
    public func ending(by time: Date) -> ValidityPeriod {
        ValidityPeriod(from: from, expires: expires.map { min($0, time) } ?? time)
    }

    /// - Throws: a ``Refusal`` when it ends before it begins: who gave it has mistaken one for the other.
    public func check() throws(Refusal) {
        guard let from, let expires, expires <= from else { return }
        throw Refusal(
            .invalidField,
            "It would count from \(RFC3339.text(from)) and no longer from \(RFC3339.text(expires)) on, so never: give an "
                + "expires after valid_from.")
    }
}
