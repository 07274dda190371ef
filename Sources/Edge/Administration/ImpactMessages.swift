public import Broker
import Bytes
import Evidence
import Formats
public import FoundationEssentials
public import HTTPEdge

// What a change would mean, as it stands on the wire.

/// A change that is only thought of: a policy, or settings of the server's.
public enum ImpactDraft: Sendable, Hashable {
    /// - Parameters:
    ///   - document: TOML.
    ///   - name: of the policy that it would take the place of; nil for a new one.
    case policy(document: String, name: String?)
    /// By key, as an operator writes them.
    case settings([String: String])
}

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

    enum CodingKeys: String, CodingKey {
        case since, kept, lost, gained, refused, guests, cut
        case passedOver = "passed_over"
    }

    init(_ impact: PolicyImpact, since: Date) {
        self.since = since
        (kept, lost) = (impact[.kept], impact[.lost])
        (gained, refused) = (impact[.gained], impact[.refused])
        guests = impact.guests.filter { $0.change == .lost || $0.change == .gained }.prefix(1_000)
            .map(ImpactGuest.init)
        passedOver = impact.passedOver
        cut = impact.isCut
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
        change = guest.change
        tee = guest.claims.tee.rawValue
        measurement = guest.claims.measurement.map { Hex.encode($0) }
        chip = guest.claims.chip
        count = guest.count
        attempt = guest.attempt
        last = guest.last
        failed = guest.failures.map(\.name.text)
        advice = guest.failures.first?.advice
    }
}

/// A draft, and how far back guests are looked at.
struct ImpactRequest: RequestMessage {
    let draft: ImpactDraft
    /// In seconds.
    let span: Double

    static let schema = Schema.object(
        [
            "policy_document?": .text("TOML.", longest: 65_536),
            "policy?": Schemas.policyName.saying("The policy that the document would take the place of."),
            "settings?": Schema([
                "type": "object", "additionalProperties": ["type": "string"], "minProperties": 1,
                "description": "Settings of the server's, e.g. snp.minimum_tcb.genoa.",
            ]),
            "span?": LookBack.schema(usual: LookBack.impact, "How far back guests are looked at, in seconds."),
        ], and: ["oneOf": [["required": ["policy_document"]], ["required": ["settings"]]]]
    ).named("ImpactRequest")

    init(_ draft: ImpactDraft, span: Double) { (self.draft, self.span) = (draft, span) }

    init(_ json: JSON) throws {
        switch (try json.optional("policy_document")?.text(), try json.optional("settings")) {
        case (let document?, nil): draft = .policy(document: document, name: try json.optional("policy")?.text())
        case (nil, let settings?):
            var values: [String: String] = [:]
            for (name, value) in try settings.members() { values[name.text] = try value.text() }
            guard !values.isEmpty else { throw Refusal(.malformed, "settings holds none.") }
            draft = .settings(values)
        default: throw Refusal(.malformed, "One of policy_document and settings must be given.")
        }
        span = try LookBack.checked(try json.optional("span")?.number() ?? LookBack.impact)
    }

    var body: [UInt8] {
        var message: JSONValue = ["span": .number(span)]
        switch draft {
        case .policy(let document, let name):
            message["policy_document"] = .text(document)
            message["policy"] = name.map { .text($0) }
        case .settings(let values):
            message["settings"] = JSONValue(
                values.reduce(into: [:]) { $0[ExactText($1.key)] = .text($1.value) })
        }
        return message.encoded
    }
}
