import Formats
public import FoundationEssentials

/// Changes of a set: each makes the whole set that replaces it.
extension ReferenceValueSet {
    private func with(values: [ReferenceValue], supersededBy: PolicyName?) throws(Refusal) -> ReferenceValueSet {
        try ReferenceValueSet(
            name: name, kind: kind, values: values, source: source, supersededBy: supersededBy,
            isSingle: isSingle && values.count == 1)
    }

    /// This set with the values of the previous one, which stay valid until `end` at most: one release replaces another
    /// while guests of both are running.
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

    /// Adds values. A value that the set has takes the period and provenance given here.
    ///
    /// - Throws: a ``Refusal`` when a value with an end would lose it because no period was given.
    public func adding(_ more: [ReferenceValue]) throws(Refusal) -> ReferenceValueSet {
        let added = Set(more.map(\.bytes))
        let ending = Set(values.filter { $0.period.expires != nil }.map(\.bytes))
        if let prolonged = more.first(where: { $0.period == .always && ending.contains($0.bytes) }) {
            throw Refusal(
                .invalidField,
                "The value \(kind.text(prolonged.bytes).prefix(100)) of the reference values \(name) has an end: "
                    + "say from when or until when it is valid, or leave it out.")
        }
        return try with(values: values.filter { !added.contains($0.bytes) } + more, supersededBy: supersededBy)
    }

    /// Ends the validity of values at a time. A value that ends earlier keeps its end.
    ///
    /// - Parameters:
    ///   - some: the values to end; `nil` for all.
    ///   - successor: the set that policies should name instead; `nil` leaves the present one.
    /// - Throws: a ``Refusal`` when the set does not have one of the values.
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

    /// The set as it is stored: a value that the previous set has keeps its entry, and its provenance unless another is
    /// given.
    ///
    /// - Throws: a ``Refusal`` when the provenance is too long, or a value would never be valid.
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
                "The provenance of the reference values \(name) is longer than \(Self.longestProvenance) bytes: remove "
                    + "values that have expired, or make another set.")
        }
        return recorded
    }

    /// The longest provenance of all values together, in bytes.
    private static let longestProvenance = 1 << 22

    func otherKind(_ other: Kind) -> Refusal {
        Refusal(
            .invalidField,
            "The reference values \(name) are of the kind \(other.rawValue) and not \(kind.rawValue): choose another name, "
                + "or remove them first.")
    }
}

/// The validity of a set.
extension ReferenceValueSet {
    /// The values that are valid at a time.
    public func inForce(at time: Date) -> [ReferenceValue] { values.filter { $0.period.contains(time) } }

    /// The time from which no value is valid; `nil` when one never expires.
    public var expires: Date? {
        let ends = values.compactMap(\.period.expires)
        return ends.count == values.count ? ends.max() : nil
    }

    /// The number of values and their validity: `3 values: 2 until 2026-12-02T08:00:00Z, 1 EXPIRED on …`.
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
