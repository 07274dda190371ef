public import Broker
import Bytes
import Evidence
public import Formats
public import FoundationEssentials
public import HTTPEdge

// The impact of a change on the wire.

/// The impact of a change on the guests that were seen.
public struct ImpactSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "kept": "Guests that are accepted before and after.", "lost": "Guests that are accepted only before.",
        "policy": "The policy in force that a draft was compared with; absent if it was compared with none.",
        "gained": "Guests that are accepted only after.", "refused": "Guests that are refused before and after.",
        "guests": "Guests that lose or gain access, 1,000 at most.",
        "effective": "The time for which guests are evaluated, when all of the change's effect has come.",
        "passed_over": "Rules that could not be evaluated, because attempts do not keep their inputs.",
        "cut": "Whether the oldest attempts were left out because there were too many.",
    ]

    public let since, effective: Date
    public let policy: String?
    public let kept, lost, gained, refused: Int
    public let guests: [ImpactGuest]
    public let passedOver: [String]
    public let cut: Bool

    init(_ impact: PolicyImpact, of draft: PolicyDraft, since: Date) {
        (self.since, effective) = (since, impact.time)
        policy = if case .policy(_, _, let replaced?) = draft { replaced.policy.name.text } else { nil }
        (kept, lost) = (impact[.kept], impact[.lost])
        (gained, refused) = (impact[.gained], impact[.refused])
        guests = impact.guests.filter { $0.change == .lost || $0.change == .gained }.prefix(1_000)
            .map(ImpactGuest.init)
        (passedOver, cut) = (impact.passedOver, impact.isCut)
    }
}

/// Guests with the same claims.
public struct ImpactGuest: Codable, Sendable, DescribedReply {
    public static let details = [
        "change": "`lost` or `gained`.", "measurement": "Absent without hardware.",
        "chip": "Empty if the host hides it.", "count": "The number of attempts.",
        "policies": "The policies that change for the guest, when reference values do.",
        "attempt": "The id of the latest attempt.", "failed": "The checks that would fail.",
        "advice": "The remedy for the first of them.",
    ]

    public let change: PolicyImpact.Change
    public let tee: String
    public let measurement: String?
    public let chip: String
    public let count: Int
    public let attempt: Int64
    public let last: Date
    public let policies, failed: [String]
    public let advice: String?

    init(_ guest: PolicyImpact.Guest) {
        (change, tee) = (guest.change, guest.claims.tee.rawValue)
        (measurement, chip) = (guest.claims.measurement.map { Hex.encode($0) }, guest.claims.chip)
        (count, attempt, last) = (guest.count, guest.attempt, guest.last)
        policies = guest.policies.map(\.text)
        (failed, advice) = (guest.failures.map(\.name.text), guest.failures.first?.advice)
    }
}

/// A draft of a policy, of a set of reference values or of the server's settings, and the time span of its impact.
public struct ImpactRequest: RequestMessage {
    /// TOML.
    let policyDocument: String?
    /// The policy that the document would replace; nil for a new one.
    let policy: String?
    /// The set that would be replaced, or whose values would expire.
    let referenceValues: String?
    let replacement: NewReferenceValues?
    let retirement: ReferenceRetirement?
    /// By name, in written form.
    let settings: [String: String]?
    /// In seconds.
    let span: Double?

    public static let members: [String: Schema] = [
        "policy_document": .text("TOML.", longest: 65_536),
        "policy": Schemas.policyName.saying("The policy that the document would replace."),
        "reference_values": Schemas.policyName.saying("The set of reference values that would change."),
        "settings": Schema([
            "type": "object", "additionalProperties": ["type": "string"], "minProperties": 1,
            "description": "Settings of the server, e.g. snp.minimum_tcb.genoa.",
        ]), "span": LookBack.schema(default: LookBack.impact, "The age of the oldest attempt that counts, in seconds."),
    ]
    public static let rules: JSONValue = [
        "oneOf": [
            ["required": ["policy_document"]], ["required": ["reference_values", "replacement"]],
            ["required": ["reference_values", "retirement"]], ["required": ["settings"]],
        ]
    ]

    private init(
        policyDocument: String? = nil, policy: String? = nil, references: String? = nil,
        replacement: NewReferenceValues? = nil, retirement: ReferenceRetirement? = nil,
        settings: [String: String]? = nil, span: TimeInterval
    ) {
        (self.policyDocument, self.policy, self.settings, self.span) = (policyDocument, policy, settings, span)
        (referenceValues, self.replacement, self.retirement) = (references, replacement, retirement)
    }

    public init(policyDocument: String, replacing policy: String?, span: TimeInterval) {
        self.init(policyDocument: policyDocument, policy: policy, span: span)
    }

    /// - Parameter keeping: how long the present values stay valid, in seconds; `nil` removes them.
    public init(_ set: ReferenceValueSet, keeping: TimeInterval?, span: TimeInterval) {
        self.init(references: set.name.text, replacement: NewReferenceValues(set, keeping: keeping), span: span)
    }

    public init(_ retirement: ReferenceRetirement, of set: String, span: TimeInterval) {
        self.init(references: set, retirement: retirement, span: span)
    }

    public init(settings: [String: String], span: TimeInterval) {
        self.init(policyDocument: nil, settings: settings, span: span)
    }

    enum Draft {
        case policy(document: String, replacing: PolicyName?)
        case references(PolicyName, ReferenceEdit)
        case settings([String: String])
    }

    /// - Throws: a ``Refusal`` unless exactly one change is given.
    func draft() throws -> Draft {
        switch (policyDocument, replacement, retirement, settings, policy, referenceValues) {
        case (let document?, nil, nil, nil, let policy, nil):
            return .policy(document: document, replacing: try policy.map { try PolicyName($0) })
        case (nil, let new?, nil, nil, nil, let name?):
            let name = try PolicyName(name)
            return .references(name, .replacement(try new.set(name), keeping: new.keepPrevious))
        case (nil, nil, let retirement?, nil, nil, let name?):
            return .references(try PolicyName(name), try retirement.edit { try PolicyName($0) })
        case (nil, nil, nil, let values?, nil, nil):
            guard !values.isEmpty else { throw Refusal(.malformed, "settings is empty.") }
            return .settings(values)
        default:
            throw Refusal(
                .malformed,
                "One change must be given: policy_document, with policy or without; reference_values with replacement or "
                    + "retirement; or settings.")
        }
    }
}
