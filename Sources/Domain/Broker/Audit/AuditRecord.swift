import Bytes
import Evidence
import Formats
public import FoundationEssentials

/// One event of the audit trail. It never holds a secret.
public struct AuditRecord: Sendable, Hashable {
    /// The kind of event. Names are stable, since auditors' tools rely on them; docs/audit.md explains each.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        case registerWorkload = "workload.register"
        case removeWorkload = "workload.remove"
        /// Recorded evidence was appraised against a workload.
        case testWorkload = "workload.test"
        case disableWorkload = "workload.disable"
        case enableWorkload = "workload.enable"
        /// A guest's evidence was appraised.
        case attest = "guest.attest"
        /// A challenge was requested. For attempts only: the trail has no such records.
        case challenge = "guest.auth"
        /// An SEV host's platform was refused.
        case refusePlatform = "platform.refuse"
        case releaseSecret = "secret.release"
        case putResource = "resource.put"
        case removeResource = "resource.remove"
        case disableResource = "resource.disable"
        case enableResource = "resource.enable"
        /// An older version was made the current one.
        case rollBackResource = "resource.rollback"
        /// The resource was given another policy.
        case assignPolicy = "resource.policy"
        case releaseResource = "resource.release"
        case endSession = "session.end"
        case createToken = "token.create"
        case revokeToken = "token.revoke"
        /// An administrative request was refused.
        case denyAccess = "access.deny"
        case setPolicy = "policy.set"
        case removePolicy = "policy.remove"
        /// Recorded evidence was appraised against a policy.
        case testPolicy = "policy.test"
        /// A module in Rego was sent to an Open Policy Agent.
        case setModule = "module.set"
        case setReferenceValues = "reference.set"
        case removeReferenceValues = "reference.remove"
        case importEndorsements = "endorsement.import"
        case removeEndorsement = "endorsement.remove"
        /// A chip or a key was denied.
        case denyEndorser = "endorsement.deny"
        case allowEndorser = "endorsement.allow"
        case rotateKeys = "keys.rotate"
        case retireKeys = "keys.retire"
        case backUp = "backup.create"
        case restore = "backup.restore"
        case copyStorage = "storage.copy"
        /// An operator accepted the rows that decide as they are.
        case acceptRows = "storage.accept"
        case startServer = "server.start"
        case stopServer = "server.stop"
        /// An operator accepted the trail as it is, though it contradicts its checkpoints.
        case acceptTrail = "trail.accept"
        /// Records of refusals were left out, to bound the trail's growth; the details have their number.
        case omit = "trail.omit"
    }

    public enum Outcome: String, Sendable, Hashable {
        case done, refused
    }

    /// In milliseconds.
    public let time: Date
    public let action: Action
    public let actor: Actor
    public let outcome: Outcome
    public var workload: String?
    /// A resource's path.
    public var resource: String?
    /// A session's id, in hex; logs show its first eight digits.
    public var session: String?
    /// In hex.
    public var chip: String?
    /// The refusal's code; `nil` when the outcome is `done`.
    public var code: Refusal.Code?
    /// Further members, by the action.
    public var details: [String: String] = [:]

    public init(
        _ action: Action, by actor: Actor, _ outcome: Outcome = .done, workload: String? = nil,
        resource: String? = nil, session: String? = nil, chip: String? = nil, code: Refusal.Code? = nil,
        details: [String: String] = [:], at time: Date
    ) {
        self.time = time
        self.action = action
        self.actor = actor
        self.outcome = outcome
        self.workload = workload
        self.resource = resource
        self.session = session
        self.chip = chip
        self.code = code
        self.details = details
    }

    /// The record as one JSON object of strings, members sorted by name, without spaces: the form that is hashed,
    /// stored and exported.
    public var canonical: String {
        var members = details
        members["time"] = RFC3339.text(milliseconds: Int64((time.timeIntervalSince1970 * 1_000).rounded(.down)))
        members["action"] = action.rawValue
        members["actor"] = actor.description
        members["outcome"] = outcome.rawValue
        members["workload"] = workload
        members["resource"] = resource
        members["session"] = session
        members["chip"] = chip
        members["code"] = code?.rawValue
        let sorted = members.sorted { ExactText($0.key) < ExactText($1.key) }
        return JSONValue.object(sorted.map { JSONValue.Member($0.key, .text($0.value)) }).encodedText
    }
}

extension [String: String] {
    /// Members of a record; those without a value are left out.
    static func members(_ members: KeyValuePairs<String, String?>) -> [String: String] {
        members.reduce(into: [:]) { $0[$1.key] = $1.value }
    }
}
