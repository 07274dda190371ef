import Broker
import Bytes
import Evidence
import Formats
import HTTPEdge

/// Recorded evidence, and the workload or policy to hold it against.
struct AppraisalRequest: RequestMessage {
    let subject: AppraisalSubject
    private let contents: [UInt8]
    private let initData: String?
    private let certificates: [Certificate]

    /// Bounds of what one request may ask to be read.
    private static let (mostCertificates, mostInFile) = (16, 4)

    static let schema = Schema.object(
        [
            "workload?": Schemas.workloadID, "policy?": Schemas.policyName.saying("One that is kept."),
            "policy_document?": .text("TOML, to be tried out.", longest: 65_536),
            "report?": .text("An SEV-SNP attestation report in hex.", pattern: "^([0-9a-fA-F]{2}){1184}$"),
            "evidence?": .text(
                "JSON in a text, as an SEV-SNP guest sent it: the body of its POST /attest in either protocol, or its "
                    + "evidence alone. What it is bound to is looked at where it says so."),
            "init_data?": .text(
                "Init data in TOML, where the evidence has none. Their digest must be HOST_DATA. For policies."
            ).orNull,
            "certificates?": Schema([
                "type": "array", "maxItems": .integer(mostCertificates),
                "items": ["type": "string", "format": "byte"],
                "description": "Certificates that go with it, DER.",
            ]).orNull,
        ],
        and: [
            "allOf": [
                [
                    "oneOf": [
                        ["required": ["workload"]], ["required": ["policy"]], ["required": ["policy_document"]],
                    ]
                ], ["oneOf": [["required": ["report"]], ["required": ["evidence"]]]],
            ]
        ]
    ).named("AppraisalRequest")

    init(_ json: JSON) throws {
        subject =
            switch (
                try json.optional("workload")?.text(), try json.optional("policy")?.text(),
                try json.optional("policy_document")?.text()
            ) {
            case (let id?, nil, nil): .workload(id)
            case (nil, let name?, nil): .policy(.named(name))
            case (nil, nil, let text?): .policy(.document(text))
            default: throw Refusal(.malformed, "One of workload, policy and policy_document must be given.")
            }
        switch (try json.optional("report")?.text(), try json.optional("evidence")?.utf8()) {
        case (let text?, nil):
            guard let bytes = Hex.decode(text) else { throw Refusal(.invalidField, "report must be hex digits.") }
            contents = bytes
        case (nil, let text?): contents = text
        default: throw Refusal(.malformed, "One of report and evidence must be given.")
        }
        initData = try json.optional("init_data")?.text()
        let files = try (json.optional("certificates")?.array() ?? []).map { try $0.base64() }
        certificates = files.prefix(Self.mostCertificates).flatMap {
            ((try? Certificate.read(file: $0)) ?? []).prefix(Self.mostInFile)
        }
    }

    /// - Throws: a ``Refusal`` when it cannot be used.
    func recordedEvidence() throws -> RecordedEvidence {
        do {
            return try RecordedEvidence(contents, certificates: certificates, initData: initData)
        } catch let error as MalformedInput {
            throw Refusal(.invalidField, "The evidence is not an SEV-SNP report. \(error).")
        }
    }

    static func body(_ subject: AppraisalSubject, _ recorded: RecordedEvidence) -> [UInt8] {
        var message: JSONValue =
            switch subject {
            case .workload(let id): ["workload": .text(id)]
            case .policy(.named(let name)): ["policy": .text(name)]
            case .policy(.document(let text)): ["policy_document": .text(text)]
            }
        if let evidence = recorded.source.evidence {
            message["evidence"] = .text(evidence)
        } else {
            message["report"] = .text(Hex.encode(recorded.evidence.report.bytes))
        }
        message["init_data"] = recorded.source.initData.map { .text($0) }
        message["certificates"] = .array(recorded.evidence.certificates.map { .text(Base64.encode($0.der)) })
        return message.encoded
    }
}

/// What evidence is held against.
public enum AppraisalSubject: Sendable {
    case workload(String)
    case policy(TestedPolicy)
}
