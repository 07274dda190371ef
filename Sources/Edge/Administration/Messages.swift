public import Broker
import Bytes
public import Evidence
public import FoundationEssentials
public import HTTPEdge

// Replies of the administration API, as they stand on the wire: snake case, times in RFC 3339, bytes in hex.
// OpenAPI.swift describes them.

/// A workload. Never its secret.
public struct WorkloadSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "tee": "`snp` or `sev`; `policy` where a policy says what its guests must be.",
        "launch_measurement": "48 bytes for SNP, 32 for SEV, in hex; absent where a policy says which.",
        "policy": "What the configuration amounts to, or the policy's name.",
        "tee_config": "As it was registered.",
        "version": "The ETag without its quotation marks.",
        "warnings": "What its guests will be refused for; absent when nothing is known.",
    ]

    public let id: String
    public let tee: String
    /// In hex; absent where a policy says which.
    public let launchMeasurement: String?
    /// What the configuration amounts to: SNP's 64 bits, or SEV's flags. Or the policy's name.
    public let policy: String
    public let teeConfig: String
    public let registered: Date
    public let disabled: Bool
    /// For `If-Match`, without its quotation marks.
    public let version: String
    /// What its guests will be refused for; absent when nothing is known.
    public let warnings: [String]?

    enum CodingKeys: String, CodingKey {
        case id, tee, policy, registered, disabled, version, warnings
        case launchMeasurement = "launch_measurement"
        case teeConfig = "tee_config"
    }

    init(_ workload: Workload, warnings: [String]) {
        self.warnings = warnings.isEmpty ? nil : warnings
        id = workload.id.text
        tee = workload.launch.technology
        launchMeasurement = workload.launch.measurement.map { Hex.encode($0) }
        policy = workload.launch.policyText
        teeConfig = workload.configuration
        registered = workload.registered
        disabled = workload.isDisabled
        version = workload.version.description
    }
}

extension WorkloadSummary: Listed { public static var plural: String { "workloads" } }

/// An attested guest.
public struct SessionSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "id": "32 digits; logs and the trail show the first eight.",
        "workload": "Absent for a guest that named none: policies decide what it gets.",
        "chip": "Empty when the host hides it.",
        "issuer": "Of the verifier that vouches for the guest; absent when it attested here.",
    ]

    /// In hex; logs and the trail show its first eight digits.
    public let id: String
    /// Absent for a guest that named none: policies decide what it gets.
    public let workload: String?
    public let tee: String
    public let chip: String
    public let opened: Date
    public let expires: Date
    /// Of the verifier that vouches for the guest; absent when it attested here.
    public let issuer: String?

    init(_ session: OpenSession) {
        issuer = session.issuer
        id = Hex.encode(session.id)
        workload = session.workload?.text
        tee = session.tee
        chip = session.chip
        opened = session.opened
        expires = session.expires
    }
}

extension SessionSummary: Listed { public static var plural: String { "sessions" } }

struct EndedSessions: Codable, Sendable { let ended: Int }

/// An attempt to attest.
public struct AttemptSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "action": "`guest.auth`, `guest.attest`, `platform.refuse` or `resource.release`.",
        "workload":
            "The workload, or the path of the resource; empty for a guest that attests without saying what it wants.",
        "chip": "A claim, unless the verdict is genuine.",
        "outcome": "`accepted` or `refused`.",
        "code": "Why it was refused.",
        "sentence": "What the guest was told.",
        "failed": "The checks that failed.",
        "address": "Whose call it was.",
        "request": "What its lines in the log have in common.",
        "version": "Of the protocol, as the caller wrote it.",
        "count": "How often the same was refused, each within a minute of the one before.",
        "last": "When it was last.",
    ]

    public let id: Int64
    public let time: Date
    /// `guest.attest`, `platform.refuse` or `resource.release`.
    public let action: String
    /// The workload or resource; empty for a guest that attests without saying what it wants.
    public let workload: String
    public let tee: String
    public let session: String
    public let chip: String
    /// `accepted` or `refused`.
    public let outcome: String
    /// Why it was refused.
    public let code: String?
    /// What the guest was told.
    public let sentence: String?
    /// The names of the checks that failed.
    public let failed: [String]
    /// Whose call it was; absent where that is not known.
    public let address: String?
    /// What its lines in the log have in common.
    public let request: String?
    /// Of the protocol, as the caller wrote it.
    public let version: String?
    /// How often the same was refused, each within a minute of the one before.
    public let count: Int
    /// When it was last.
    public let last: Date?

    init(_ attempt: RecordedAttempt) {
        id = attempt.id
        time = attempt.time
        action = attempt.action
        workload = attempt.workload
        tee = attempt.tee
        session = attempt.session
        chip = attempt.chip
        outcome = attempt.isAccepted ? "accepted" : "refused"
        code = attempt.code?.rawValue
        sentence = attempt.sentence.isEmpty ? nil : attempt.sentence
        failed = attempt.verdict?.failures.map(\.check) ?? []
        func known(_ text: String) -> String? { text.isEmpty ? nil : text }
        address = known(attempt.origin.address)
        request = known(attempt.origin.request)
        version = known(attempt.origin.version)
        count = attempt.repeats.count
        last = attempt.repeats.last
    }
}

extension AttemptSummary: Listed {
    public typealias Cursor = Int64
    public static var plural: String { "attempts" }
    public static var parameter: String { "before" }
}

/// An attempt with every check.
public struct AttemptDetail: Codable, Sendable, DescribedReply {
    public static let details = [
        "claims": "What its evidence states, by term; absent when it is not genuine, or there was none."
    ]

    public let attempt: AttemptSummary
    public let verdict: VerdictRecord?
    public let claims: [String: String]?

    init(_ attempt: RecordedAttempt) {
        self.attempt = AttemptSummary(attempt)
        verdict = attempt.verdict
        let kept = attempt.claims.flatMap { try? GuestClaims(json: $0) }
        claims = kept?.evidence.texts
    }
}

/// A token, without what proves it.
public struct TokenSummary: Codable, Sendable, DescribedReply {
    public static let details = ["role": "With its scope, if it has one: `registrar:team-a/`."]

    public let id: String
    public let role: String
    public let description: String
    public let created: Date
    public let expires: Date
    public let revoked: Date?

    init(_ token: AccessToken) {
        id = token.id
        role = token.role.description
        description = token.description
        created = token.created
        expires = token.expires
        revoked = token.revoked
    }
}

public struct TokenList: Codable, Sendable { public let tokens: [TokenSummary] }

/// A new token, with the text that is shown this once.
public struct NewToken: Codable, Sendable {
    public let token: String
    public let summary: TokenSummary
}

/// A record of the trail.
public struct AuditLine: Codable, Sendable, DescribedReply {
    public static let details = [
        "record": "Canonical JSON, to the letter.",
        "hash": "SHA-256 over the previous hash and this record, in hex.",
    ]

    public let sequence: Int64
    /// The record's text, to the letter: its hash is over it.
    public let record: String
    public let hash: String

    init(_ entry: AuditEntry) {
        sequence = entry.sequence
        record = entry.record
        hash = Hex.encode(entry.hash)
    }

    /// - Throws: ``MalformedInput`` when the hash is none.
    func entry() throws -> AuditEntry {
        guard let bytes = Hex.decode(hash) else { throw MalformedInput("record \(sequence)", "its hash is not hex") }
        return AuditEntry(sequence: sequence, record: record, hash: bytes)
    }
}

extension AuditLine: Listed {
    public typealias Cursor = Int64
    public static var plural: String { "records" }
}

/// A document of a vendor that is kept.
public struct EndorsementSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "fingerprint": "SHA-256 of its bytes, in hex.",
        "kind": "`certificate`.",
        "key": "Of a certificate SHA-256 of its SubjectPublicKeyInfo, in hex: what it is denied by.",
        "good_until": "Absent when it does not say.",
    ]

    /// SHA-256 of its bytes, in hex.
    public let fingerprint: String
    /// Whose it is, e.g. `vcek/Milan/…/03.00.20.209`.
    public let name: String
    /// `certificate`.
    public let kind: String
    /// Of a certificate SHA-256 of its SubjectPublicKeyInfo, in hex: what it is denied by.
    public let key: String?
    /// Absent when it does not say.
    public let goodUntil: Date?
    public let added: Date

    enum CodingKeys: String, CodingKey {
        case fingerprint, name, kind, key, added
        case goodUntil = "good_until"
    }

    init(_ kept: KeptEndorsement) {
        let document = kept.document
        fingerprint = Hex.encode(document.fingerprint)
        name = document.name.text
        kind = document.kind.rawValue
        key = (try? Certificate(der: document.bytes)).map { Hex.encode($0.publicKeyFingerprint) }
        goodUntil = document.goodUntil
        added = kept.added
    }
}

extension EndorsementSummary: Listed { public static var plural: String { "endorsements" } }

/// A document itself, and the certificates above whoever signed it, in base64.
public struct EndorsementDetail: Codable, Sendable, DescribedReply {
    public static let details = [
        "document": "In base64.",
        "issuers": "The certificates above whoever signed it, DER in base64, the nearest first.",
    ]

    public let endorsement: EndorsementSummary
    public let document: String
    public let issuers: [String]

    init(_ kept: KeptEndorsement) {
        endorsement = EndorsementSummary(kept)
        document = Base64.encode(kept.document.bytes)
        issuers = kept.document.issuers.map { Base64.encode($0) }
    }
}

/// A chip or a key that is denied.
public struct DenialSummary: Codable, Sendable, DescribedReply {
    public static let details = [
        "kind": "`chip` or `key`.",
        "reason":
            "Absent, like actor and denied, when somebody has changed or removed the row that says so: it is denied "
            + "nonetheless.",
    ]

    /// `chip` or `key`.
    public let kind: String
    /// In hex.
    public let id: String
    /// Absent, with the next two, when somebody has changed or removed the row that says so: it is denied nonetheless.
    public let reason: String?
    public let actor: String?
    public let denied: Date?

    init(_ kept: KeptDenial) {
        kind = kept.endorser.kind.rawValue
        id = Hex.encode(kept.endorser.bytes)
        reason = kept.denial?.reason
        actor = kept.denial?.actor
        denied = kept.denial?.time
    }

    /// For `after`, and for the path of its call.
    public var name: String { "\(kind)/\(id)" }
}

extension DenialSummary: Listed { public static var plural: String { "denials" } }

/// How a server is.
public struct ServerStatus: Codable, Sendable, DescribedReply {
    public static let details = [
        "libraries":
            "Versions of the distribution's libraries that the server has loaded, and whether FIPS mode is on and ML-KEM is available.",
        "replaced_files": "Files of the server that the disk has newer ones of: restart it.",
    ]

    public let version: String
    public let started: Date
    public let workloads: Int
    public let resources: Int
    public let sessions: Int
    /// The trail's last record.
    public let auditSequence: Int64
    public let auditHash: String
    /// The distribution's libraries as the server has loaded them, by name; nil from a server before 0.3.0.
    public let libraries: [String: String]?
    /// Files of the server that the disk has newer ones of: restart it.
    public let replacedFiles: [String]?

    enum CodingKeys: String, CodingKey {
        case version, started, workloads, resources, sessions, libraries
        case auditSequence = "audit_sequence"
        case auditHash = "audit_hash"
        case replacedFiles = "replaced_files"
    }

    public init(
        version: String, started: Date, workloads: Int, resources: Int, sessions: Int, head: AuditHead,
        libraries: [String: String], replacedFiles: [String]
    ) {
        self.version = version
        self.started = started
        self.workloads = workloads
        self.resources = resources
        self.sessions = sessions
        auditSequence = head.sequence
        auditHash = Hex.encode(head.hash)
        self.libraries = libraries
        self.replacedFiles = replacedFiles
    }
}

struct SettingsList: Codable, Sendable { let settings: [String: String] }
