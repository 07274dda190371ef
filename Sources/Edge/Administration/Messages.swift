public import Broker
import Bytes
public import Evidence
import Formats
public import FoundationEssentials
public import HTTPEdge

/// Messages of the API in JSON, as the server and ``Administrator`` write them and read each other's.
enum Messages {
    static func encode(_ message: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        // The messages hold nothing that cannot be written.
        return (try? encoder.encode(message)).map { Array($0) } ?? Array("{}".utf8)
    }

    /// Of a reply. A page of a thousand sets or policies has as many, if each is as large as can be.
    static let mostBytes = 1 << 29

    /// Reads a server's reply. What a newer server says beyond it is passed over.
    ///
    /// - Throws: an error that says which member of it cannot be used.
    static func decode<Reply: Decodable>(_ type: Reply.Type, _ reply: [UInt8]) throws -> Reply {
        var limits = JSON.Limits()
        (limits.bytes, limits.values) = (mostBytes, 1 << 24)
        do { return try JSON(reply, limits: limits).message(passingOverUnknown: true) } catch let error
            as MalformedInput
        {
            throw MalformedInput("the server's answer", "\(error)")
        }
    }
}

// Replies of the administration API, as they stand on the wire: snake case, times in RFC 3339, bytes in hex.
// `details` says what they mean.

/// A workload. Never its secret.
public struct WorkloadSummary: Listed, DescribedReply {
    public static let plural = "workloads"
    public static let details = [
        "tee": "`snp` or `sev`; `policy` where a policy says what its guests must be.",
        "launch_measurement": "48 bytes for SNP, 32 for SEV, in hex; absent where a policy says which.",
        "policy": "What the configuration amounts to, or the policy's name.",
        "tee_config": "As it was registered.",
        "version": "The ETag without its quotation marks.",
        "warnings": "What its guests will be refused for; absent when nothing is known.",
    ]

    public let id, tee: String
    public let launchMeasurement: String?
    public let policy, teeConfig: String
    public let registered: Date
    public let disabled: Bool
    public let version: String
    public let warnings: [String]?

    init(_ workload: Workload, warnings: [String]) {
        (self.warnings, id) = (warnings.isEmpty ? nil : warnings, workload.id.text)
        tee = workload.launch.technology
        launchMeasurement = workload.launch.measurement.map { Hex.encode($0) }
        (policy, teeConfig) = (workload.launch.policyText, workload.configuration)
        (registered, disabled) = (workload.registered, workload.isDisabled)
        version = workload.revision.description
    }
}

/// An attested guest.
public struct SessionSummary: Listed, DescribedReply {
    public static let plural = "sessions"
    public static let details = [
        "id": "32 digits; logs and the trail show the first eight.",
        "workload": "Absent for a guest that named none: policies decide what it gets.",
        "chip": "Empty when the host hides it.",
        "issuer": "Of the verifier that vouches for the guest; absent when it attested here.",
    ]

    public let id: String
    public let workload: String?
    public let tee, chip: String
    public let opened, expires: Date
    public let issuer: String?

    init(_ session: OpenSession) {
        (issuer, id, workload) = (session.issuer, Hex.encode(session.id), session.workload?.text)
        (tee, chip, opened, expires) = (session.tee, session.chip, session.opened, session.expires)
    }
}

struct EndedSessions: Codable, Sendable { let ended: Int }

/// An attempt to attest.
public struct AttemptSummary: Listed, DescribedReply {
    public typealias Cursor = Int64
    public static let plural = "attempts"
    public static let parameter = "before"
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
    public let action, workload, tee, session, chip, outcome: String
    public let code, sentence: String?
    public let failed: [String]
    public let address, request, version: String?
    public let count: Int
    public let last: Date?

    init(_ attempt: RecordedAttempt) {
        (id, time, action, workload) = (attempt.id, attempt.time, attempt.action, attempt.workload)
        (tee, session, chip) = (attempt.tee, attempt.session, attempt.chip)
        (outcome, code) = (attempt.isAccepted ? "accepted" : "refused", attempt.code?.rawValue)
        sentence = attempt.sentence.isEmpty ? nil : attempt.sentence
        failed = attempt.verdict?.failures.map(\.check) ?? []
        func known(_ text: String) -> String? { text.isEmpty ? nil : text }
        (address, request) = (known(attempt.origin.address), known(attempt.origin.request))
        (version, count, last) = (known(attempt.origin.version), attempt.repeats.count, attempt.repeats.last)
    }
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
        (self.attempt, verdict) = (AttemptSummary(attempt), attempt.verdict)
        let kept = attempt.claims.flatMap { try? GuestClaims(json: $0) }
        claims = kept?.evidence.texts
    }
}

/// A token, without what proves it.
public struct TokenSummary: Codable, Sendable, DescribedReply {
    public static let details = ["role": "With its scope, if it has one: `registrar:team-a/`."]

    public let id, role, description: String
    public let created, expires: Date
    public let revoked: Date?

    init(_ token: AccessToken) {
        (id, role, description, created) = (token.id, token.role.description, token.description, token.created)
        (expires, revoked) = (token.expires, token.revoked)
    }
}

public struct TokenList: Codable, Sendable { public let tokens: [TokenSummary] }

/// A new token, with the text that is shown this once.
public struct NewToken: Codable, Sendable {
    public let token: String
    public let summary: TokenSummary
}

/// A record of the trail.
public struct AuditLine: Listed, DescribedReply {
    public typealias Cursor = Int64
    public static let plural = "records"
    public static let details = [
        "record": "Canonical JSON, to the letter.",
        "hash": "SHA-256 over the previous hash and this record, in hex.",
    ]

    public let sequence: Int64
    public let record, hash: String

    init(_ entry: AuditEntry) {
        (sequence, record, hash) = (entry.sequence, entry.record, Hex.encode(entry.hash))
    }

    /// - Throws: ``MalformedInput`` when the hash is none.
    func entry() throws -> AuditEntry {
        guard let bytes = Hex.decode(hash) else { throw MalformedInput("record \(sequence)", "its hash is not hex") }
        return AuditEntry(sequence: sequence, record: record, hash: bytes)
    }
}

/// A document of a vendor that is kept.
public struct EndorsementSummary: Listed, DescribedReply {
    public static let plural = "endorsements"
    public static let details = [
        "fingerprint": "SHA-256 of its bytes, in hex.",
        "kind": "`certificate`.",
        "key": "Of a certificate SHA-256 of its SubjectPublicKeyInfo, in hex: what it is denied by.",
        "good_until": "Absent when it does not say.",
    ]

    public let fingerprint: String
    /// Whose it is, e.g. `vcek/Milan/…/03.00.20.209`.
    public let name: String
    public let kind: String
    public let key: String?
    public let goodUntil: Date?
    public let added: Date

    init(_ kept: StoredEndorsement) {
        let document = kept.document
        (fingerprint, name) = (Hex.encode(document.fingerprint), document.name.text)
        kind = document.kind.rawValue
        key = (try? Certificate(der: document.bytes)).map { Hex.encode($0.publicKeyFingerprint) }
        (goodUntil, added) = (document.goodUntil, kept.added)
    }
}

/// A document itself, and the certificates above whoever signed it, in base64.
public struct EndorsementDetail: Codable, Sendable, DescribedReply {
    public static let details = [
        "document": "In base64.",
        "issuers": "The certificates above whoever signed it, DER in base64, the nearest first.",
    ]

    public let endorsement: EndorsementSummary
    public let document: String
    public let issuers: [String]

    init(_ kept: StoredEndorsement) {
        (endorsement, document) = (EndorsementSummary(kept), Base64.encode(kept.document.bytes))
        issuers = kept.document.issuers.map { Base64.encode($0) }
    }
}

/// A chip or a key that is denied.
public struct DenialSummary: Listed, DescribedReply {
    public static let plural = "denials"
    public static let details = [
        "kind": "`chip` or `key`.",
        "reason":
            "Absent, like actor and denied, when somebody has changed or removed the row that says so: it is denied "
            + "nonetheless.",
    ]

    public let kind: String
    /// In hex.
    public let id: String
    public let reason, actor: String?
    public let denied: Date?

    init(_ kept: StoredDenial) {
        (kind, id, reason) = (kept.endorser.kind.rawValue, Hex.encode(kept.endorser.bytes), kept.denial?.reason)
        (actor, denied) = (kept.denial?.actor, kept.denial?.time)
    }

    /// For `after`, and for the path of its call.
    public var name: String { "\(kind)/\(id)" }
}

/// How a server is.
public struct ServerStatus: Codable, Sendable, DescribedReply {
    public static let details = [
        "libraries":
            "Versions of the distribution's libraries that the server has loaded, and whether FIPS mode is on and ML-KEM is available.",
        "replaced_files": "Files of the server that the disk has newer ones of: restart it.",
    ]

    public let version: String
    public let started: Date
    public let workloads, resources, sessions: Int
    /// The trail's last record.
    public let auditSequence: Int64
    public let auditHash: String
    public let libraries: [String: String]?
    public let replacedFiles: [String]?

    public init(
        version: String, started: Date, workloads: Int, resources: Int, sessions: Int, head: AuditHead,
        libraries: [String: String], replacedFiles: [String]
    ) {
        (self.version, self.started, self.workloads, self.resources) = (version, started, workloads, resources)
        (self.sessions, auditSequence, auditHash) = (sessions, head.sequence, Hex.encode(head.hash))
        (self.libraries, self.replacedFiles) = (libraries, replacedFiles)
    }
}

struct SettingsList: Codable, Sendable { let settings: [String: String] }
