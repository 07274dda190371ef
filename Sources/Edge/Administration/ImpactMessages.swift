public import Broker
import Bytes
import Evidence
public import Formats
public import FoundationEssentials
public import HTTPEdge

// What a change would mean, as it stands on the wire.

/// What a change would mean for the guests that were seen.
public struct ImpactSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "kept": "Guests that get in before and after.", "lost": "Guests that get in now and would not.",
        "gained": "Guests that do not get in now and would.", "refused": "Guests that get in neither way.",
        "guests": "Those that lose or gain, 1,000 at most.",
        "passed_over": "Rules that could not be looked at: what they ask for is not kept with attempts.",
        "cut": "Whether there were more attempts than were looked at.",
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

/// Guests that state the same.
public struct ImpactGuest: Codable, Sendable, DescribedReply {
    public static let details = [
        "change": "`lost` or `gained`.", "measurement": "Absent where no hardware measures.",
        "chip": "Empty when the host hides it.", "count": "How many attempts there were.",
        "attempt": "The last one's id.", "failed": "The checks that would let it in no more.",
        "advice": "What can be done about the first of them.",
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

/// A change that is only thought of, a policy or settings of the server's, and how far back guests are looked at.
public struct ImpactRequest: RequestMessage {
    /// TOML.
    let policyDocument: String?
    /// The policy that the document would take the place of; nil for a new one.
    let policy: String?
    /// By key, as an operator writes them.
    let settings: [String: String]?
    /// In seconds.
    let span: Double?

    public static let members: [String: Schema] = [
        "policy_document": .text("TOML.", longest: 65_536),
        "policy": Schemas.policyName.saying("The policy that the document would take the place of."),
        "settings": Schema([
            "type": "object", "additionalProperties": ["type": "string"], "minProperties": 1,
            "description": "Settings of the server's, e.g. snp.minimum_tcb.genoa.",
        ]), "span": LookBack.schema(default: LookBack.impact, "How far back guests are looked at, in seconds."),
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
