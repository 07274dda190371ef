import Formats
public import FoundationEssentials

/// What operators do to a set: each makes the whole set that takes its place.
extension ReferenceValueSet {
    private func with(values: [ReferenceValue], supersededBy: PolicyName?) throws(Refusal) -> ReferenceValueSet {
        try ReferenceValueSet(
            name: name, kind: kind, values: values, source: source, supersededBy: supersededBy,
            isSingle: isSingle && values.count == 1)
    }

    /// This set, in which the values of the one before count on until a time, if they count at all: a release takes the place
    /// of another while guests of both are running.
    public func keeping(_ previous: ReferenceValueSet?, until end: Date, at time: Date) throws(Refusal)
        -> ReferenceValueSet
    {
        guard let previous else { return self }
        guard previous.kind == kind else { throw otherKind(previous.kind) }
        let own = Set(values.map(\.bytes))
        let kept = previous.values.filter { value in
            if case .over = value.period.state(at: time) { false } else { !own.contains(value.bytes) }
        }
        return try with(
            values: values
                + kept.map { value in
                    var value = value
                    value.period = value.period.ending(by: end)
                    return value
                }, supersededBy: supersededBy)
    }

    /// These values too. One that is there takes the period and provenance given here.
    ///
    /// - Throws: a ``Refusal`` when one that ends would be without an end, and nothing was said of that.
    public func adding(_ more: [ReferenceValue]) throws(Refusal) -> ReferenceValueSet {
        let added = Set(more.map(\.bytes))
        let ending = Set(values.filter { $0.period.expires != nil }.map(\.bytes))
        if let prolonged = more.first(where: { $0.period == .always && ending.contains($0.bytes) }) {
            throw Refusal(
                .invalidField,
                "The reference values \(name) have \(kind.text(prolonged.bytes).prefix(100)) with an end: say from when or until "
                    + "when it is to hold, or leave it out.")
        }
        return try with(values: values.filter { !added.contains($0.bytes) } + more, supersededBy: supersededBy)
    }

    /// The same, but its values end by a time. None is prolonged.
    ///
    /// - Parameters:
    ///   - some: those that end; `nil` for all.
    ///   - successor: the set that policies should name instead; `nil` leaves what is there.
    /// - Throws: a ``Refusal`` when one of them is not there.
    public func retiring(_ some: [[UInt8]]?, by end: Date, for successor: PolicyName?) throws(Refusal)
        -> ReferenceValueSet
    {
        if let missing = some?.first(where: { value in !values.contains { $0.bytes == value } }) {
            throw Refusal(.notFound, "The reference values \(name) have no value \(kind.text(missing).prefix(100)).")
        }
        let ending = some.map { Set($0) }
        return try with(
            values: values.map { value in
                var value = value
                if ending?.contains(value.bytes) ?? true { value.period = value.period.ending(by: end) }
                return value
            }, supersededBy: successor ?? supersededBy)
    }

    /// The same, as it is kept: a value that was there stays as it came in, and keeps its provenance if no other is given.
    ///
    /// - Throws: a ``Refusal`` when it cannot be kept: it says too much, or is never valid.
    package func recorded(after previous: ReferenceValueSet?, by actor: String, at time: Date) throws(Refusal)
        -> ReferenceValueSet
    {
        let isLike = previous?.kind == kind
        let known = Dictionary((isLike ? previous?.values ?? [] : []).map { ($0.bytes, $0) }) { first, _ in first }
        let entry = ReferenceValue.Entry(
            by: actor, at: Date(timeIntervalSince1970: time.timeIntervalSince1970.rounded(.down)))
        let recorded = try with(
            values: values.map { value in
                var value = value
                let before = known[value.bytes]
                value.entry = before?.entry ?? entry
                value.provenance = value.provenance ?? before?.provenance
                return value
            }, supersededBy: supersededBy)
        guard recorded.provenanceColumn.utf8.count <= Self.longestProvenance else {
            throw Refusal(
                .invalidField,
                "What the reference values \(name) say of their provenance is longer than \(Self.longestProvenance) bytes: "
                    + "remove values that have expired, or make another set.")
        }
        return recorded
    }

    /// Of all values, in bytes.
    private static let longestProvenance = 1 << 22

    func otherKind(_ other: Kind) -> Refusal {
        Refusal(
            .invalidField,
            "The reference values \(name) are of the kind \(other.rawValue) and not \(kind.rawValue): choose another name, "
                + "or remove them first.")
    }
}

/// How long a set lets in.
extension ReferenceValueSet {
    /// The values that count at a time.
    public func inForce(at time: Date) -> [ReferenceValue] { values.filter { $0.period.contains(time) } }

    /// From then on it lets nobody in; `nil` when a value of it never expires.
    public var expires: Date? {
        let ends = values.compactMap(\.period.expires)
        return ends.count == values.count ? ends.max() : nil
    }

    /// How many values there are, and how long they count: `3 values; 2 until 2026-12-02T08:00:00Z, 1 EXPIRED`.
    public func life(at time: Date) -> String {
        let count = "\(values.count) \(values.count == 1 ? "value" : "values")"
        let successor = supersededBy.map { ", SUPERSEDED by @\($0)" } ?? ""
        var parts: [String: Int] = [:]
        for value in values {
            switch (value.period.state(at: time), value.period.expires) {
            case (.over(let end), _): parts["EXPIRED on \(RFC3339.text(end))", default: 0] += 1
            case (.notYet(let from), _): parts["not before \(RFC3339.text(from))", default: 0] += 1
            case (.inForce, let end?): parts["until \(RFC3339.text(end))", default: 0] += 1
            case (.inForce, nil): parts["", default: 0] += 1
            }
        }
        let said = parts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        guard said.count > 1 else {
            return count + (said.first.map { $0.key.isEmpty ? "" : ", \($0.key)" } ?? "") + successor
        }
        let list = said.prefix(4).map { "\($0.value) \($0.key.isEmpty ? "without end" : $0.key)" }
        return "\(count): \(list.joined(separator: ", "))\(said.count > 4 ? ", …" : "")\(successor)"
    }
}
