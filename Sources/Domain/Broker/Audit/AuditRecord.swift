import Bytes
import Evidence
import Formats
public import FoundationEssentials

/// One thing that happened: a line of the audit trail. It never holds a secret.
public struct AuditRecord: Sendable, Hashable {
    /// Stable: auditors' tools rely on it. docs/audit.md lists what each means.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        case registerWorkload = "workload.register"
        case removeWorkload = "workload.remove"
        /// Recorded evidence was held against a workload.
        case testWorkload = "workload.test"
        case disableWorkload = "workload.disable"
        case enableWorkload = "workload.enable"
        /// A guest's evidence was looked at.
        case attest = "guest.attest"
        /// A challenge was asked for. Only attempts have it, none of the trail's records.
        case challenge = "guest.auth"
        /// An SEV host's certificates were looked at, and refused.
        case refusePlatform = "platform.refuse"
        case releaseSecret = "secret.release"
        case putResource = "resource.put"
        case removeResource = "resource.remove"
        case disableResource = "resource.disable"
        case enableResource = "resource.enable"
        /// Another version was made the current one.
        case rollBackResource = "resource.rollback"
        /// Another policy decides who gets it.
        case assignPolicy = "resource.policy"
        case releaseResource = "resource.release"
        case endSession = "session.end"
        case createToken = "token.create"
        case revokeToken = "token.revoke"
        /// An administrative request without the right to it.
        case denyAccess = "access.deny"
        case setPolicy = "policy.set"
        case removePolicy = "policy.remove"
        /// Recorded evidence was held against a policy.
        case testPolicy = "policy.test"
        /// A module in Rego was handed on to an Open Policy Agent.
        case setModule = "module.set"
        case setReferenceValues = "reference.set"
        case removeReferenceValues = "reference.remove"
        case importEndorsements = "endorsement.import"
        case removeEndorsement = "endorsement.remove"
        /// A chip or a key is believed no more.
        case denyEndorser = "endorsement.deny"
        case allowEndorser = "endorsement.allow"
        case rotateKeys = "keys.rotate"
        case retireKeys = "keys.retire"
        case backUp = "backup.create"
        case restore = "backup.restore"
        case copyStorage = "storage.copy"
        /// An operator has said that the rows that decide are as they should be.
        case acceptRows = "storage.accept"
        case startServer = "server.start"
        case stopServer = "server.stop"
        /// An operator has said that the trail is as it should be, though it does not agree with its checkpoints.
        case acceptTrail = "trail.accept"
        /// Says how many records of strangers' attempts were left out, to bound the trail's growth.
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
    /// Why it was refused.
    public var code: Refusal.Code?
    /// What else is worth knowing.
    public var details: [String: String] = [:]

    public init(
        _ action: Action, by actor: Actor, _ outcome: Outcome = .done, workload: String? = nil,
        resource: String? = nil, session: String? = nil, chip: String? = nil, code: Refusal.Code? = nil,
        details: [String: String] = [:],
        at time: Date
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

    /// The record as one JSON object of strings, members in the order of their names, without spaces: what is
    /// hashed, kept and exported.
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
