import Broker
import Bytes
import Evidence
import Formats
import HTTPEdge

/// Recorded evidence, and the workload or policy to evaluate with it.
struct AppraisalRequest: RequestMessage {
    let workload, policy, policyDocument: String?
    let report, evidence, initData: String?
    let certificates: [String]?

    /// Bounds on the certificates of one request.
    private static let (mostCertificates, mostInFile) = (16, 4)

    static let members: [String: Schema] = [
        "workload": Schemas.workloadID, "policy": Schemas.policyName.saying("A stored policy."),
        "policy_document": .text("A draft policy in TOML.", longest: 65_536),
        "report": .text("An SEV-SNP attestation report in hex.", pattern: "^([0-9a-fA-F]{2}){1184}$"),
        "evidence": .text(
            "JSON in a text, as an SEV-SNP guest sent it: the body of its POST /attest in either protocol, or its "
                + "evidence alone. Its report data are checked where the JSON states them."),
        "init_data": .text(
            "Init data in TOML, if the evidence has none. Their digest must be HOST_DATA. For policies."
        ).orNull,
        "certificates": Schema([
            "type": "array", "maxItems": .integer(mostCertificates),
            "items": ["type": "string", "format": "byte"],
            "description": "Certificates for the evidence, DER.",
        ]).orNull,
    ]
    static let rules: JSONValue = [
        "allOf": [
            ["oneOf": [["required": ["workload"]], ["required": ["policy"]], ["required": ["policy_document"]]]],
            ["oneOf": [["required": ["report"]], ["required": ["evidence"]]]],
        ]
    ]

    init(_ subject: AppraisalSubject, _ recorded: RecordedEvidence) {
        (workload, policy, policyDocument) =
            switch subject {
            case .workload(let id): (id, nil, nil)
            case .policy(let name): (nil, name, nil)
            case .policyDocument(let text): (nil, nil, text)
            }
        (evidence, report) =
            recorded.source.evidence.map { ($0, nil) } ?? (nil, Hex.encode(recorded.evidence.report.bytes))
        initData = recorded.source.initData
        certificates = recorded.evidence.certificates.map { Base64.encode($0.der) }
    }

    func subject() throws(Refusal) -> AppraisalSubject {
        switch (workload, policy, policyDocument) {
        case (let id?, nil, nil): .workload(id)
        case (nil, let name?, nil): .policy(name)
        case (nil, nil, let text?): .policyDocument(text)
        default: throw Refusal(.malformed, "One of workload, policy and policy_document must be given.")
        }
    }

    /// - Throws: a ``Refusal`` for unusable evidence.
    func recordedEvidence() throws -> RecordedEvidence {
        let contents: [UInt8]
        switch (report, evidence) {
        case (let text?, nil):
            guard let bytes = Hex.decode(text) else { throw Refusal(.invalidField, "report must be hex digits.") }
            contents = bytes
        case (nil, let text?): contents = Array(text.utf8)
        default: throw Refusal(.malformed, "One of report and evidence must be given.")
        }
        guard certificates?.count ?? 0 <= Self.mostCertificates else {
            throw Refusal(.invalidField, "Evidence can have at most \(Self.mostCertificates) certificates.")
        }
        let files = try (certificates ?? []).map { text throws(Refusal) in
            guard let file = Base64.decode(text) else {
                throw Refusal(.malformed, "The field certificates has a text that is not base64, padded.")
            }
            return file
        }
        let read = files.flatMap {
            ((try? Certificate.read(file: $0)) ?? []).prefix(Self.mostInFile)
        }
        do {
            return try RecordedEvidence(contents, certificates: read, initData: initData)
        } catch let error as MalformedInput {
            throw Refusal(.invalidField, "The evidence is not an SEV-SNP report. \(error).")
        }
    }
}

/// The requirements on evidence.
public enum AppraisalSubject: Sendable {
    case workload(String)
    /// A stored policy.
    case policy(String)
    /// A draft in TOML.
    case policyDocument(String)
}
