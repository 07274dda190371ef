public import Broker
import Bytes
import Evidence
public import Formats
public import FoundationEssentials
public import HTTPEdge

// Reference values on the wire.

/// A set of reference values.
public struct ReferenceValuesSummary: Listed, DescribedReply {
    public static let plural = "reference_values"
    public static let details = [
        "source": "The origin of the values.", "expires": "From then on the set has no valid values.",
        "superseded_by": "The set that policies should name instead.",
        "version": "The ETag without its quotation marks.",
    ]

    public let name: String
    public let kind: ReferenceValueSet.Kind
    public let values: [ReferenceValueSummary]
    public let source: String
    public let expires: Date?
    public let supersededBy: String?
    public let changed: Date
    public let version: String
    /// The number of values and their validity, at the time of the answer.
    public let life: String

    init(_ stored: StoredReferenceValues, at time: Date) {
        (name, kind) = (stored.set.name.text, stored.set.kind)
        values = stored.set.values.map { ReferenceValueSummary($0, of: stored.set.kind) }
        (source, expires, supersededBy) = (stored.set.source, stored.set.expires, stored.set.supersededBy?.text)
        (changed, version, life) = (stored.changed, stored.revision.description, stored.set.life(at: time))
    }
}

/// A value of a set.
public struct ReferenceValueSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "value": "A digest in hex; a number, truth value or text in written form.",
        "valid_from": "The start of its validity; absent: since it was set.",
        "expires": "The end of its validity; absent: without end.",
        "added": "When it was added to the set; absent in lists of sets, like `by` and `provenance`.",
        "by": "The author, as named in the trail.",
        "provenance": "Its origin, as stated by the author.",
    ]

    public let value: String
    public let validFrom, expires, added: Date?
    public let by: String?
    public let provenance: Provenance?

    init(_ value: ReferenceValue, of kind: ReferenceValueSet.Kind) {
        self.value = kind.text(value.bytes)
        (validFrom, expires) = (value.period.from, value.period.expires)
        (added, by) = (value.entry?.time, value.entry?.actor)
        provenance = value.provenance
    }

    public var period: ValidityPeriod { ValidityPeriod(from: validFrom, expires: expires) }
}

/// A change of a set of reference values.
public struct ReferenceChangeSummary: Listed, DescribedReply {
    public static let plural = "changes"
    public static let parameter = "before"
    public static let details = [
        "version": "The set's version after the change.", "by": "The author, as named in the trail.",
        "added": "Values that were added.", "removed": "Values that were removed.",
        "redated": "Values whose validity changed.",
        "left_out": "The number of values that are not listed, because there were too many.",
    ]

    public let version: String
    public let time: Date
    public let by: String
    public let kind: ReferenceValueSet.Kind
    public let source: String
    public let supersededBy: String?
    public let added, removed, redated: [ReferenceValueSummary]
    public let leftOut: Int

    init(_ stored: StoredReferenceChange) {
        let change = stored.change
        func summaries(_ values: [ReferenceValue]) -> [ReferenceValueSummary] {
            values.map { ReferenceValueSummary($0, of: change.kind) }
        }
        version = stored.revision.description
        (time, by, kind, source) = (change.time, change.actor, change.kind, change.source)
        supersededBy = change.supersededBy?.text
        (added, removed) = (summaries(change.added), summaries(change.removed))
        (redated, leftOut) = (summaries(change.redated), change.leftOut)
    }
}

/// A new set.
struct NewReferenceValues: RequestMessage {
    let kind: ReferenceValueSet.Kind
    let values: [GivenValue]
    let source: String?
    /// For values that state neither.
    let validFrom, expires: Date?
    /// How long the present values stay valid, in seconds.
    let keepPrevious: Double?

    static let members: [String: Schema] = [
        "values": GivenValue.list, "source": .text("The origin of the values, for people.").orNull,
        "valid_from": GivenValue.time.saying("For values that state neither of the two."),
        "expires": GivenValue.time.saying("The same."),
        "keep_previous": Schema(["type": ["number", "null"], "minimum": 1, "maximum": 315_360_000]).saying(
            "How many seconds the present values stay valid beside the new ones; otherwise they are removed."),
    ]

    static let readBack = ["name", "superseded_by", "changed", "version", "life"]

    init(_ set: ReferenceValueSet, keeping: TimeInterval?) {
        (kind, source, validFrom, expires) = (set.kind, set.source, nil, nil)
        (values, keepPrevious) = (set.values.map { GivenValue($0, set.kind) }, keeping)
    }

    /// - Throws: a ``Refusal`` that names the field.
    func set(_ name: PolicyName) throws -> ReferenceValueSet {
        guard keepPrevious.map({ (1...315_360_000).contains($0) }) ?? true else {
            throw Refusal(.invalidField, "keep_previous is a number of seconds, from 1 to 315360000.")
        }
        let period = ValidityPeriod(from: validFrom, expires: expires)
        try period.check()
        return try ReferenceValueSet(
            name: name, kind: kind, values: try values.map { try $0.value(of: kind, otherwise: period) },
            source: source ?? "")
    }
}

/// An addition to a set: given values, or the one in an attempt's evidence.
public struct AddedReferenceValues: RequestMessage {
    let kind: ReferenceValueSet.Kind?
    let values: [GivenValue]?
    let attempt: Int64?
    /// The attempt's value as the caller has seen it; nil for any.
    let value: String?

    public static let members: [String: Schema] = [
        "kind": Schema(of: ReferenceValueSet.Kind.self).saying("Otherwise measurement."), "values": GivenValue.list,
        "attempt": Schema([
            "type": "integer", "format": "int64", "minimum": 1,
            "description": "Take the value from this attempt, whose evidence must be genuine.",
        ]), "value": .text("The attempt's value as the caller has seen it: another is refused."),
    ]
    public static let rules: JSONValue = ["oneOf": [["required": ["values"]], ["required": ["attempt"]]]]

    public init(_ set: ReferenceValueSet) {
        (kind, attempt, value) = (set.kind, nil, nil)
        values = set.values.map { GivenValue($0, set.kind) }
    }

    public init(_ kind: ReferenceValueSet.Kind, of attempt: Int64, value: String?) {
        (self.kind, values, self.attempt, self.value) = (kind, nil, attempt, value)
    }
}

/// The expiry of values of a set.
public struct ReferenceRetirement: RequestMessage {
    /// In written form; nil for all.
    let values: [WrittenValue]?
    /// Seconds until they expire; nil leaves their validity unchanged.
    let after: Double?
    let supersededBy: String?

    public static let members: [String: Schema] = [
        "values": .array(of: WrittenValue.schema, and: ["minItems": 1]).saying(
            "The values that expire; otherwise all."),
        "after": Schema([
            "type": "number", "minimum": 0, "maximum": 315_360_000,
            "description":
                "Seconds until they expire, unless they expire earlier. It may be left out with superseded_by.",
        ]), "superseded_by": Schemas.policyName.saying("The set that policies should name instead."),
    ]

    public init(values: [String]?, after: Double?, supersededBy: String?) {
        self.values = values?.map { WrittenValue(text: $0) }
        (self.after, self.supersededBy) = (after, supersededBy)
    }

    /// - Parameter name: reads a set's name.
    /// - Throws: a ``Refusal`` that names the field.
    func edit(_ name: (String) throws -> PolicyName) throws -> ReferenceEdit {
        try check()
        return .retirement(values: values?.map(\.text), after: after, for: try supersededBy.map(name))
    }

    private func check() throws(Refusal) {
        guard values?.isEmpty != true else { throw Refusal(.invalidField, "values is empty: leave it out for all.") }
        switch (after, values, supersededBy) {
        case (_?, _, _), (nil, nil, _?): break
        default:
            throw Refusal(
                .malformed,
                "The field after is missing: the seconds until the values expire. Only superseded_by can replace it."
            )
        }
        guard after.map({ (0...315_360_000).contains($0) }) ?? true else {
            throw Refusal(.invalidField, "after is a number of seconds, from 0 to 315360000.")
        }
    }
}

/// A text, or the written form of a number or truth value.
struct WrittenValue: JSONReadable, Encodable, Sendable {
    let text: String

    static let schema = Schema(["type": ["string", "integer", "boolean"]])

    init(text: String) { self.text = text }

    init(_ json: JSON) throws {
        switch json.kind {
        case .number, .bool: text = String(decoding: json.raw, as: UTF8.self)
        default: text = try json.text()
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}

/// A reference value, alone or in an object with its validity and provenance.
struct GivenValue: JSONReadable, Encodable, Sendable {
    private let value: WrittenValue
    private let validFrom, expires: Date?
    private let provenance: Provenance?

    static let list = Schema([
        "type": "array", "minItems": 1, "items": schema.json,
    ]).saying(
        "64 hex digits for host data, 96 for the other digests; or numbers, truth values, texts. An object holds a "
            + "value with its validity and provenance.")
    static let schema = Schema(["anyOf": [WrittenValue.schema.json, known.json]])
    private static let known = Schema.object(
        [
            "value": WrittenValue.schema, "valid_from?": time, "expires?": time,
            "provenance?": Schema(["type": ["object", "null"]]).saying(
                "origin (computed, seen), tool, files, command_line, parameters."),
            "added?": readBack, "by?": readBack,
        ], and: ["additionalProperties": false])
    private static let readBack = Schema([:]).saying("Ignored: part of a set that is read.")
    static let time = Schema([
        "type": ["string", "null"], "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$",
    ])

    init(_ value: ReferenceValue, _ kind: ReferenceValueSet.Kind) {
        self.value = WrittenValue(text: kind.text(value.bytes))
        (validFrom, expires) = (value.period.from, value.period.expires)
        provenance = value.provenance
    }

    func encode(to encoder: any Encoder) throws {
        guard validFrom != nil || expires != nil || provenance != nil else { return try value.encode(to: encoder) }
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(value, forKey: .value)
        try container.encodeIfPresent(validFrom, forKey: .validFrom)
        try container.encodeIfPresent(expires, forKey: .expires)
        try container.encodeIfPresent(provenance, forKey: .provenance)
    }

    private enum CodingKeys: CodingKey { case value, validFrom, expires, provenance }

    init(_ json: JSON) throws {
        guard json.kind == .object else {
            (value, validFrom, expires, provenance) = (try WrittenValue(json), nil, nil, nil)
            return
        }
        try json.expectMembers(["value", "valid_from", "expires", "provenance", "added", "by"])
        value = try WrittenValue(try json.member("value"))
        validFrom = try json.optional("valid_from")?.message(Date.self)
        expires = try json.optional("expires")?.message(Date.self)
        provenance = try json.optional("provenance").map { json in
            try json.expectMembers(["origin", "tool", "files", "command_line", "parameters"])
            for file in try json.optional("files")?.array() ?? [] {
                try file.expectMembers(["role", "name", "sha256", "size"])
            }
            return try Provenance(json)
        }
    }

    /// - Parameter other: the period of a value that states none.
    func value(of kind: ReferenceValueSet.Kind, otherwise other: ValidityPeriod = .always) throws -> ReferenceValue {
        let period = ValidityPeriod(from: validFrom, expires: expires)
        try period.check()
        return ReferenceValue(
            try kind.bytes(value.text), period == .always ? other : period, provenance: provenance)
    }
}
