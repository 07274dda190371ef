import Bytes
import Formats
public import FoundationEssentials

/// A set of reference values to be written, with its history entry and audit record.
public struct ReferenceSetting: Sendable {
    public let set: ReferenceValueSet
    /// The precondition (If-Match); `nil` for none.
    public let expected: Revision.Expectation?
    public let change: ReferenceChange
    public let record: AuditRecord

    public init(
        _ set: ReferenceValueSet, expecting expected: Revision.Expectation?, _ change: ReferenceChange,
        recording record: AuditRecord
    ) {
        (self.set, self.expected, self.change, self.record) = (set, expected, change, record)
    }
}

/// An entry in the history of a set of reference values: what one change did. For operators; the audit trail records
/// the same change.
public struct ReferenceChange: Sendable, Hashable {
    public let name: PolicyName
    public let time: Date
    /// ``Actor/description``.
    public let actor: String
    public let kind: ReferenceValueSet.Kind
    public let source: String
    public let supersededBy: PolicyName?
    /// Added values.
    public let added: [ReferenceValue]
    /// Removed values.
    public let removed: [ReferenceValue]
    /// Values whose period changed, with the new period.
    public let redated: [ReferenceValue]
    /// The number of values left out of this entry, to bound its size.
    public let leftOut: Int

    /// - Parameters:
    ///   - before: `nil` for a new set.
    ///   - after: `nil` for a removed set.
    package init?(from before: ReferenceValueSet?, to after: ReferenceValueSet?, by actor: Actor, at time: Date) {
        guard let subject = after ?? before else { return nil }
        // Values of another kind are other values, even with the same bytes.
        let isLike = before?.kind == after?.kind
        func periods(_ set: ReferenceValueSet?) -> [[UInt8]: ValidityPeriod] {
            Dictionary((isLike ? set?.values ?? [] : []).map { ($0.bytes, $0.period) }) { first, _ in first }
        }
        let (old, new) = (periods(before), periods(after))
        var room = Self.mostValues
        var leftOut = 0
        func bounded(_ values: [ReferenceValue]) -> [ReferenceValue] {
            let kept = values.prefix(room)
            room -= kept.count
            leftOut += values.count - kept.count
            return Array(kept)
        }
        name = subject.name
        self.time = time
        self.actor = actor.description
        (kind, source, supersededBy) = (subject.kind, subject.source, subject.supersededBy)
        added = bounded((after?.values ?? []).filter { old[$0.bytes] == nil })
        removed = bounded((before?.values ?? []).filter { new[$0.bytes] == nil })
        redated = bounded(
            (after?.values ?? []).filter { value in old[value.bytes].map { $0 != value.period } ?? false })
        self.leftOut = leftOut
    }

    /// The most values in one entry.
    private static let mostValues = 256
    /// The longest JSON of an entry with provenance, in bytes; a longer one is stored without.
    private static let longest = 65_536
    /// The most entries in one set's history; the oldest are removed.
    public static let mostEntries = 200
}

/// A history entry as stored.
public struct StoredReferenceChange: Sendable, Hashable {
    public let change: ReferenceChange
    /// The set's revision after the change.
    public let revision: Revision

    public init(_ change: ReferenceChange, _ revision: Revision) { (self.change, self.revision) = (change, revision) }
}

/// The stored form: JSON.
extension ReferenceChange {
    package var json: String {
        let whole = json(withProvenance: true)
        return whole.utf8.count <= Self.longest ? whole : json(withProvenance: false)
    }

    private func json(withProvenance: Bool) -> String {
        func list(_ values: [ReferenceValue]) -> JSONValue {
            .array(
                values.map { value in
                    var json: JSONValue = ["value": .text(kind.text(value.bytes))]
                    json["valid_from"] = value.period.from.map { .text(RFC3339.text($0)) }
                    json["expires"] = value.period.expires.map { .text(RFC3339.text($0)) }
                    if withProvenance { json["provenance"] = value.provenance.map(\.json) }
                    return json
                })
        }
        var json: JSONValue = [
            "kind": .text(kind.rawValue), "source": .text(source), "added": list(added), "removed": list(removed),
            "redated": list(redated), "left_out": .integer(leftOut),
        ]
        json["superseded_by"] = supersededBy.map { .text($0.text) }
        return json.encodedText
    }

    /// - Throws: ``MalformedInput`` or a ``Refusal`` for any text but ``json``.
    package init(name: PolicyName, time: Date, actor: String, json text: String) throws {
        let json = try JSON(Array(text.utf8))
        let word = try json.member("kind")
        guard let kind = ReferenceValueSet.Kind(exactly: try word.text()) else { throw word.unfit("a kind") }
        func list(_ member: String) throws -> [ReferenceValue] {
            try json.member(member).array().map { value in
                func date(_ name: String) throws -> Date? {
                    try value.optional(name).map { member in
                        guard let date = RFC3339.date(try member.text()) else { throw member.unfit("a time") }
                        return date
                    }
                }
                return ReferenceValue(
                    try kind.bytes(try value.member("value").text()),
                    ValidityPeriod(from: try date("valid_from"), expires: try date("expires")),
                    provenance: try value.optional("provenance").map { try Provenance($0) })
            }
        }
        (self.name, self.time, self.actor, self.kind) = (name, time, actor, kind)
        source = try json.member("source").text()
        supersededBy = try json.optional("superseded_by").map { try PolicyName(try $0.text()) }
        (added, removed, redated) = (try list("added"), try list("removed"), try list("redated"))
        leftOut = try json.member("left_out").integer()
    }
}
