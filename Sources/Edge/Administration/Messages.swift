public import Broker
import Bytes
public import Evidence
import Formats
public import FoundationEssentials
public import HTTPEdge

/// The API's messages in JSON, between a server and ``Administrator``.
enum Messages {
    static func encode(_ message: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        encoder.keyEncodingStrategy = .convertToSnakeCase
        // Every message can be encoded.
        return (try? encoder.encode(message)).map { Array($0) } ?? Array("{}".utf8)
    }

    /// Longest reply, in bytes: a page of a thousand sets or policies of the greatest size.
    static let mostBytes = 1 << 29

    /// Reads a server's reply, ignoring members that a newer server adds.
    ///
    /// - Throws: an error that names the unusable member.
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

// Replies of the administration API on the wire: snake case, times in RFC 3339, bytes in hex. `details` explains them.

/// A workload. Never its secret.
public struct WorkloadSummary: Listed, DescribedReply {
    public static let plural = "workloads"
    public static let details = [
        "tee": "`snp` or `sev`; `policy` for a workload with a policy.",
        "launch_measurement": "48 bytes for SNP, 32 for SEV, in hex; absent for a workload with a policy.",
        "policy": "The configuration's meaning, or the policy's name.",
        "tee_config": "As registered.",
        "version": "The ETag without its quotation marks.",
        "warnings": "Reasons for which its guests will be refused; absent if none is known.",
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
        "workload": "Absent for a guest without a workload, which gets resources by policies.",
        "chip": "Empty if the host hides it.",
        "issuer": "The other verifier that attested the guest; absent if this server did.",
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
            "The workload, or the path of the resource; empty for the attestation of a guest without a workload.",
        "chip": "Unproven, unless the verdict is genuine.",
        "outcome": "`accepted` or `refused`.",
        "code": "The code of the refusal.",
        "sentence": "The refusal that the guest received.",
        "failed": "The failed checks.",
        "address": "The caller's address.",
        "request": "The request's id in the log.",
        "version": "The protocol version that the caller stated.",
        "count": "The number of equal refusals, each within a minute of the previous one.",
        "last": "The time of the last one.",
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
        "claims": "The evidence's claims, by term; absent without genuine evidence."
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

/// A token, without its secret.
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

/// A new token, with its text, which is shown once only.
public struct NewToken: Codable, Sendable {
    public let token: String
    public let summary: TokenSummary
}

/// A record of the trail.
public struct AuditLine: Listed, DescribedReply {
    public typealias Cursor = Int64
    public static let plural = "records"
    public static let details = [
        "record": "Canonical JSON, byte for byte.",
        "hash": "SHA-256 over the previous hash and this record, in hex.",
    ]

    public let sequence: Int64
    public let record, hash: String

    init(_ entry: AuditEntry) {
        (sequence, record, hash) = (entry.sequence, entry.record, Hex.encode(entry.hash))
    }

    /// - Throws: ``MalformedInput`` for a malformed hash.
    func entry() throws -> AuditEntry {
        guard let bytes = Hex.decode(hash) else { throw MalformedInput("record \(sequence)", "its hash is not hex") }
        return AuditEntry(sequence: sequence, record: record, hash: bytes)
    }
}

/// A cached document of a vendor.
public struct EndorsementSummary: Listed, DescribedReply {
    public static let plural = "endorsements"
    public static let details = [
        "fingerprint": "SHA-256 of its bytes, in hex.",
        "kind": "`certificate`.",
        "key": "SHA-256 of a certificate's SubjectPublicKeyInfo, in hex, by which it can be denied.",
        "good_until": "The end of its validity; absent if it states none.",
    ]

    public let fingerprint: String
    /// E.g. `vcek/Milan/…/03.00.20.209`.
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

/// A document, and the certificates of its issuers, in base64.
public struct EndorsementDetail: Codable, Sendable, DescribedReply {
    public static let details = [
        "document": "In base64.",
        "issuers": "The certificates of its issuers, DER in base64, the nearest first.",
    ]

    public let endorsement: EndorsementSummary
    public let document: String
    public let issuers: [String]

    init(_ kept: StoredEndorsement) {
        (endorsement, document) = (EndorsementSummary(kept), Base64.encode(kept.document.bytes))
        issuers = kept.document.issuers.map { Base64.encode($0) }
    }
}

/// A denied chip or key.
public struct DenialSummary: Listed, DescribedReply {
    public static let plural = "denials"
    public static let details = [
        "kind": "`chip` or `key`.",
        "reason":
            "Absent, like actor and denied, if the denial's row was changed or removed without the server: the denial "
            + "stays in force.",
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

/// A server's status.
public struct ServerStatus: Codable, Sendable, DescribedReply {
    public static let details = [
        "libraries":
            "Versions of the distribution's loaded libraries, and whether FIPS mode is on and ML-KEM is available.",
        "replaced_files": "Loaded files of the server that were replaced on the disk: restart it.",
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
