import Broker
import Evidence
import Foundation
import JSONWebTokens

/// The body of `POST /attest`, of which nothing but the nonce was looked at: enough to see whether it answers a challenge.
struct AttestationBody: Sendable {
    fileprivate let bytes: Data
    fileprivate let json: JSONValue
    fileprivate let nonce: RuntimeBinding.Nonce

    /// As the guest says it was challenged: 32 bytes.
    var challenge: [UInt8] { nonce.bytes }

    /// - Throws: a ``Refusal`` that names the field.
    init(_ bytes: Data) throws(Refusal) {
        self.bytes = bytes
        // First strictly: what follows must not read another of two members.
        do { json = try StrictJSON.read(bytes) } catch {
            throw Refusal(.malformed, "The body is not JSON that can be used: \(error.reason).")
        }
        nonce = try RuntimeBinding.Nonce(json["runtime-data"])
    }
}

/// What came with `POST /attest`: the evidence, and what it must be bound to.
struct GuestComponentAnswer: Sendable {
    let guest: GuestAnswer
    let binding: RuntimeBinding

    /// - Throws: a ``Refusal`` that names the field.
    init(_ attestation: AttestationBody, keys: RecipientKey.Rules) throws(Refusal) {
        let (json, body) = (attestation.bytes, attestation.json)
        let message: AttestationMessage = try decode(json)
        let initialData = try message.initialData.map { data throws(Refusal) in try InitialData(data) }
        let additional = body["tee-evidence"]?["additional_evidence"]?.text ?? ""
        try AdditionalEvidence.check(additional)
        binding = try RuntimeBinding(
            attestation.nonce, body["runtime-data"]?["tee-pubkey"], additionalEvidence: additional, keys: keys)
        let primary = body["tee-evidence"]?["primary_evidence"]
        let proof: GuestAnswer.Proof
        let found: [UInt8]
        if primary?["attestation_report"] != nil {
            let message: EvidenceMessage<SNPEvidenceMessage> = try decode(json)
            let report: AttestationReport
            do { report = try AttestationReport(message.evidence.primary.report) } catch {
                throw Refusal(.malformed, "The report cannot be used: \(error.reason).")
            }
            proof = .snp(report, certificates: message.evidence.primary.endorsements)
            found = report.reportData
        } else if primary?["svn"] != nil {
            let message: EvidenceMessage<SampleEvidenceMessage> = try decode(json)
            guard let data = Data(base64Encoded: message.evidence.primary.reportData), data.count <= 64 else {
                throw Refusal(.malformed, "report_data must be base64 of at most 64 bytes.")
            }
            // It goes into the database and the token as it is.
            guard message.evidence.primary.svn.utf8.count <= 64 else {
                throw Refusal(.malformed, "svn may have 64 bytes.")
            }
            found = Array(data)
            proof = .sample(reportData: found, svn: message.evidence.primary.svn)
        } else {
            throw Refusal(
                .technologyMismatch, "tee-evidence.primary_evidence is of no technology that is verified here: snp is.")
        }
        let expected: [UInt8]
        do { expected = try binding.reportData(like: found) } catch {
            throw Refusal(.malformed, "runtime-data cannot be used: \(error.reason).")
        }
        guest = GuestAnswer(
            proof: proof, nonce: attestation.challenge, reportData: expected, key: binding.key.json,
            initData: initialData.map { .init(digest: $0.digest, claims: $0.claims) })
    }
}

extension SNPEvidenceMessage {
    /// An honest guest sends three certificates. What cannot be read proves nothing.
    var endorsements: [Certificate] {
        (certificates ?? []).prefix(8).flatMap { ((try? Certificate.read(file: $0.data)) ?? []).prefix(4) }
    }
}

/// Reads JSON, and says where it is wrong without repeating any of it.
func decode<Message: Decodable>(_ json: Data) throws(Refusal) -> Message {
    func path(_ keys: [any CodingKey]) -> String {
        keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    }
    do { try CombiningMarks.check(json) } catch {
        throw Refusal(.malformed, "The body is not text that can be used: \(error.reason).")
    }
    do {
        return try JSONDecoder().decode(Message.self, from: json)
    } catch DecodingError.keyNotFound(let key, let context) {
        throw Refusal(.malformed, "The field \(path(context.codingPath + [key])) is missing.")
    } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
        DecodingError.dataCorrupted(let context)
    {
        guard !context.codingPath.isEmpty else { throw Refusal(.malformed, "The body is not a JSON object in UTF-8.") }
        throw Refusal(.malformed, "The field \(path(context.codingPath)) cannot be used.")
    } catch {
        throw Refusal(.malformed, "The body cannot be read.")
    }
}
