public import Broker
import Bytes
import Evidence
import Formats
public import FoundationEssentials
public import HTTPEdge

// Reference values, as they stand on the wire.

/// A set of reference values.
public struct ReferenceValuesSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "source": "Who says so.", "expires": "From then on the set lets nobody in.",
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
    /// As a policy's.
    public let version: String
    /// How many values there are and how long they count, at the time of the answer.
    public let life: String

    enum CodingKeys: String, CodingKey {
        case name, kind, values, source, expires, changed, version, life
        case supersededBy = "superseded_by"
    }

    init(_ stored: StoredReferenceValues, at time: Date) {
        name = stored.set.name.text
        kind = stored.set.kind
        values = stored.set.values.map { ReferenceValueSummary($0, of: stored.set.kind) }
        source = stored.set.source
        expires = stored.set.expires
        supersededBy = stored.set.supersededBy?.text
        changed = stored.changed
        version = stored.revision.description
        life = stored.set.life(at: time)
    }
}

/// A value of a set.
public struct ReferenceValueSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "value": "A digest in hex; a number, truth value or text as it is written.",
        "valid_from": "It counts from then on; absent: since it was set.",
        "expires": "It counts no longer from then on; absent: without end.",
        "added": "When it came into the set; absent in lists of sets, with all that follows.",
        "by": "Who put it in, as the trail names them.",
        "provenance": "How it came about, as far as whoever set it has said.",
    ]

    public let value: String
    public let validFrom, expires: Date?
    public let added: Date?
    public let by: String?
    public let provenance: Provenance?

    enum CodingKeys: String, CodingKey {
        case value, expires, added, by, provenance
        case validFrom = "valid_from"
    }

    init(_ value: ReferenceValue, of kind: ReferenceValueSet.Kind) {
        self.value = kind.text(value.bytes)
        (validFrom, expires) = (value.period.from, value.period.expires)
        (added, by) = (value.entry?.time, value.entry?.actor)
        provenance = value.provenance
    }

    public var period: ValidityPeriod { ValidityPeriod(from: validFrom, expires: expires) }
}

extension ReferenceValuesSummary: Listed { public static var plural: String { "reference_values" } }

extension ReferenceChangeSummary: Listed {
    public static var plural: String { "changes" }
    public static var parameter: String { "before" }
}

/// A change of a set of reference values.
public struct ReferenceChangeSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "version": "The set's, from then on.", "by": "Who did it, as the trail names them.",
        "added": "Values that came, as they were set.", "removed": "Values that went, as they were.",
        "redated": "Values that stayed and count for another time.",
        "left_out": "How many values are not listed here, since there were too many.",
    ]

    public let version: String
    public let time: Date
    public let by: String
    public let kind: ReferenceValueSet.Kind
    public let source: String
    public let supersededBy: String?
    public let added, removed, redated: [ReferenceValueSummary]
    public let leftOut: Int

    enum CodingKeys: String, CodingKey {
        case version, time, by, kind, source, added, removed, redated
        case supersededBy = "superseded_by"
        case leftOut = "left_out"
    }

    init(_ stored: StoredReferenceChange) {
        let change = stored.change
        func summaries(_ values: [ReferenceValue]) -> [ReferenceValueSummary] {
            values.map { ReferenceValueSummary($0, of: change.kind) }
        }
        version = stored.revision.description
        (time, by, kind, source) = (change.time, change.actor, change.kind, change.source)
        supersededBy = change.supersededBy?.text
        (added, removed) = (summaries(change.added), summaries(change.removed))
        redated = summaries(change.redated)
        leftOut = change.leftOut
    }
}

/// A set as a caller wants it.
struct ReferenceValuesMessage: RequestMessage {
    let kind: ReferenceValueSet.Kind
    let values: [ReferenceValue]
    let source: String?
    /// For how long the values that are there count on, in seconds.
    let keeping: Double?

    static let schema = Schema.object([
        "kind": Schema(of: ReferenceValueSet.Kind.self), "values": valuesSchema,
        "source?": .text("Who says so, where and when: for people.").orNull,
        "valid_from?": time.saying("Of each value that says neither of the two itself."),
        "expires?": time.saying("The same."),
        "keep_previous?": span.saying(
            "For how many seconds the values that are there count on, beside the new ones; otherwise they go."),
    ]).named("NewReferenceValues")

    static let valuesSchema = Schema([
        "type": "array", "minItems": 1, "items": ["anyOf": [scalar, known.json]],
    ]).saying(
        "64 hex digits for host data, 96 for the other digests; or numbers, truth values, texts. What is known of a value "
            + "stands in an object with it.")
    static let scalar: JSONValue = ["type": ["string", "integer", "boolean"]]
    private static let known = Schema.object([
        "value": Schema(scalar), "valid_from?": time, "expires?": time,
        "provenance?": Schema(["type": ["object", "null"]]).saying(
            "As a set is read back: origin (computed, seen), tool, files, command_line, parameters."),
    ])
    private static let time = Schema([
        "type": ["string", "null"], "format": "date-time",
        "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$",
    ])
    static let span = Schema(["type": ["number", "null"], "minimum": 1, "maximum": 315_360_000])

    init(_ json: JSON) throws {
        kind = try json.member("kind").referenceKind()
        let period = try json.period()
        values = try json.member("values").referenceValues(of: kind, period)
        source = try json.optional("source")?.text()
        keeping = try json.span("keep_previous")
    }

    static func body(_ set: ReferenceValueSet, keeping: TimeInterval?) -> [UInt8] {
        var message: JSONValue = [
            "kind": .text(set.kind.rawValue), "values": .array(set.values.map { $0.message(set.kind) }),
            "source": .text(set.source),
        ]
        message["keep_previous"] = keeping.map { .number($0) }
        return message.encoded
    }

    /// - Throws: a ``Refusal`` that names the field.
    func set(_ name: PolicyName) throws(Refusal) -> ReferenceValueSet {
        try ReferenceValueSet(name: name, kind: kind, values: values, source: source ?? "")
    }
}

/// Values that are added to a set: these, or what a guest showed that was seen.
public enum ReferenceAddition: Sendable {
    case values([ReferenceValue], ReferenceValueSet.Kind)
    /// - Parameters:
    ///   - id: the attempt's.
    ///   - value: what the caller takes it to have shown; nil for whatever it is.
    case attempt(Int64, ReferenceValueSet.Kind, value: String?)
}

struct ReferenceAdditionMessage: RequestMessage {
    let addition: ReferenceAddition

    static let schema = Schema.object(
        [
            "kind?": Schema(of: ReferenceValueSet.Kind.self).saying("Otherwise measurement."),
            "values?": ReferenceValuesMessage.valuesSchema,
            "attempt?": Schema([
                "type": "integer", "format": "int64", "minimum": 1,
                "description": "Take the value from this attempt, whose evidence must be genuine.",
            ]),
            "value?": .text("What the caller takes the attempt to have shown: another is refused."),
        ], and: ["oneOf": [["required": ["values"]], ["required": ["attempt"]]]]
    ).named("AddedReferenceValues")

    init(_ addition: ReferenceAddition) { self.addition = addition }

    init(_ json: JSON) throws {
        let kind = try json.optional("kind")?.referenceKind() ?? .measurement
        switch (try json.optional("values"), try json.optional("attempt")) {
        case (let values?, nil): addition = .values(try values.referenceValues(of: kind, .always), kind)
        case (nil, let id?):
            addition = .attempt(try id.integer(in: 1...Int64.max), kind, value: try json.optional("value")?.text())
        default: throw Refusal(.malformed, "One of values and attempt must be given.")
        }
    }

    var body: [UInt8] {
        var message: JSONValue = .object([])
        switch addition {
        case .values(let values, let kind):
            message["kind"] = .text(kind.rawValue)
            message["values"] = .array(values.map { $0.message(kind) })
        case .attempt(let id, let kind, let value):
            message["kind"] = .text(kind.rawValue)
            message["attempt"] = .integer(Int(id))
            message["value"] = value.map { .text($0) }
        }
        return message.encoded
    }
}

/// How values of a set end.
public struct ReferenceRetirement: RequestMessage {
    /// As people write them; nil for all.
    public let values: [String]?
    /// In how many seconds they end; nil leaves them as they are.
    public let after: Double?
    public let supersededBy: String?

    static let schema = Schema.object([
        "values?": Schema([
            "type": "array", "minItems": 1, "items": ReferenceValuesMessage.scalar,
            "description": "Those that end; otherwise all.",
        ]),
        "after?": Schema([
            "type": "number", "minimum": 0, "maximum": 315_360_000,
            "description":
                "In how many seconds they end, if they do not end earlier. It may be left out with superseded_by.",
        ]),
        "superseded_by?": Schemas.policyName.saying("The set that policies should name instead."),
    ]).named("ReferenceRetirement")

    public init(values: [String]?, after: Double?, supersededBy: String?) {
        (self.values, self.after, self.supersededBy) = (values, after, supersededBy)
    }

    init(_ json: JSON) throws {
        values = try json.optional("values")?.array().map { try $0.scalar() }
        after = try json.optional("after")?.number()
        supersededBy = try json.optional("superseded_by")?.text()
        guard values?.isEmpty != true else { throw Refusal(.invalidField, "values is empty: leave it out for all.") }
        switch (after, values, supersededBy) {
        case (_?, _, _), (nil, nil, _?): break
        default:
            throw Refusal(
                .malformed, "Say in how many seconds the values end: after. It is left out with superseded_by only.")
        }
        guard after.map({ (0...315_360_000).contains($0) }) ?? true else {
            throw Refusal(.invalidField, "after is a number of seconds, from 0 to 315360000.")
        }
    }

    var body: [UInt8] {
        var message: JSONValue = .object([])
        message["values"] = values.map { .array($0.map { .text($0) }) }
        message["after"] = after.map { .number($0) }
        message["superseded_by"] = supersededBy.map { .text($0) }
        return message.encoded
    }
}

extension ReferenceValue {
    fileprivate func message(_ kind: ReferenceValueSet.Kind) -> JSONValue {
        let text = JSONValue.text(kind.text(bytes))
        guard period != .always || provenance != nil else { return text }
        var json: JSONValue = ["value": text]
        json["valid_from"] = period.from.map { .text(RFC3339.text($0)) }
        json["expires"] = period.expires.map { .text(RFC3339.text($0)) }
        json["provenance"] = provenance.map(\.json)
        return json
    }
}

extension JSON {
    /// A text, a number or a truth value as it is written.
    fileprivate func scalar() throws(MalformedInput) -> String {
        switch kind {
        case .number, .bool: String(decoding: raw, as: UTF8.self)
        default: try text()
        }
    }

    fileprivate func referenceKind() throws(MalformedInput) -> ReferenceValueSet.Kind {
        let kinds = ReferenceValueSet.Kind.allCases.map(\.rawValue).joined(separator: ", ")
        return try value("one of \(kinds)") { ReferenceValueSet.Kind(exactly: $0) }
    }

    fileprivate func span(_ name: String) throws -> Double? {
        guard let span = try optional(name)?.number() else { return nil }
        guard (1...315_360_000).contains(span) else {
            throw Refusal(.invalidField, "\(name) is a number of seconds, from 1 to 315360000.")
        }
        return span
    }

    fileprivate func period() throws -> ValidityPeriod {
        func date(_ name: String) throws -> Date? {
            try optional(name)?
                .value("a time as RFC 3339 has it, e.g. 2027-01-31T00:00:00Z") { RFC3339.date($0) }
        }
        let period = ValidityPeriod(from: try date("valid_from"), expires: try date("expires"))
        try period.check()
        return period
    }

    /// - Parameter usual: of a value that says no period itself.
    fileprivate func referenceValues(
        of kind: ReferenceValueSet.Kind, _ usual: ValidityPeriod
    ) throws -> [ReferenceValue] {
        try array().map { value in
            guard value.kind == .object else { return ReferenceValue(try kind.bytes(try value.scalar()), usual) }
            let period = try value.period()
            return ReferenceValue(
                try kind.bytes(try value.member("value").scalar()), period == .always ? usual : period,
                provenance: try value.optional("provenance").map { try Provenance($0) })
        }
    }
}
