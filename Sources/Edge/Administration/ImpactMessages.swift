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
        "gained": "Guests that are accepted only after.", "refused": "Guests that are refused before and after.",
        "guests": "Guests that lose or gain access, 1,000 at most.",
        "passed_over": "Rules that could not be evaluated, because attempts do not keep their inputs.",
        "cut": "Whether the oldest attempts were left out because there were too many.",
    ]

    public let since: Date
    public let kept, lost, gained, refused: Int
    public let guests: [ImpactGuest]
    public let passedOver: [String]
    public let cut: Bool

    init(_ impact: PolicyImpact, since: Date) {
        self.since = since
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
    public let failed: [String]
    public let advice: String?

    init(_ guest: PolicyImpact.Guest) {
        (change, tee) = (guest.change, guest.claims.tee.rawValue)
        (measurement, chip) = (guest.claims.measurement.map { Hex.encode($0) }, guest.claims.chip)
        (count, attempt, last) = (guest.count, guest.attempt, guest.last)
        (failed, advice) = (guest.failures.map(\.name.text), guest.failures.first?.advice)
    }
}

/// A draft of a policy or of the server's settings, and the time span of its impact.
public struct ImpactRequest: RequestMessage {
    /// TOML.
    let policyDocument: String?
    /// The policy that the document would replace; nil for a new one.
    let policy: String?
    /// By name, in written form.
    let settings: [String: String]?
    /// In seconds.
    let span: Double?

    public static let members: [String: Schema] = [
        "policy_document": .text("TOML.", longest: 65_536),
        "policy": Schemas.policyName.saying("The policy that the document would replace."),
        "settings": Schema([
            "type": "object", "additionalProperties": ["type": "string"], "minProperties": 1,
            "description": "Settings of the server, e.g. snp.minimum_tcb.genoa.",
        ]), "span": LookBack.schema(default: LookBack.impact, "The age of the oldest attempt that counts, in seconds."),
    ]
    public static let rules: JSONValue = [
        "oneOf": [["required": ["policy_document"]], ["required": ["settings"]]]
    ]

    public init(policyDocument: String, replacing policy: String?, span: TimeInterval) {
        (self.policyDocument, self.policy, settings, self.span) = (policyDocument, policy, nil, span)
    }

    public init(settings: [String: String], span: TimeInterval) {
        (policyDocument, policy, self.settings, self.span) = (nil, nil, settings, span)
    }
}
