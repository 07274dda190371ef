import Broker
import Bytes
import Evidence
import Formats
import JOSE

/// The parsed body of `POST /attest`, of which only the nonce was read: enough to find the challenge that it answers.
struct AttestationBody: Sendable {
    fileprivate let json: JSON
    fileprivate let nonce: RuntimeBinding.Nonce

    /// The nonce of the challenge, as the guest states it: 32 bytes.
    var challenge: [UInt8] { nonce.bytes }

    /// - Throws: a ``Refusal`` that names the field.
    init(_ bytes: [UInt8]) throws(Refusal) {
        try self.init(decode(bytes) { json throws(MalformedInput) in json })
    }

    init(_ json: JSON) throws(Refusal) {
        self.json = json
        nonce = try RuntimeBinding.Nonce(json["runtime-data"])
    }
}

/// The guest's answer in `POST /attest`: the evidence, and the data that it must be bound to.
struct GuestComponentAnswer: Sendable {
    let answer: Answer
    let binding: RuntimeBinding

    /// - Parameter allowsSample: whether sample devices are accepted.
    /// - Throws: a ``Refusal`` that names the field.
    init(_ attestation: AttestationBody, keys: RecipientKey.Rules, allowsSample: Bool) throws(Refusal) {
        let body = attestation.json
        let message = try read(body) { body throws(MalformedInput) in
            try body.optional("init-data").map { data throws(MalformedInput) in try InitialDataMessage(data) }
        }
        let initialData = try message.map { message throws(Refusal) in try InitialData(message) }
        let evidence = body["tee-evidence"]
        let additional = evidence?["additional_evidence"]?.asText ?? ""
        let devices = try AdditionalEvidence(additional, allowsSample: allowsSample)
        binding = try RuntimeBinding(
            attestation.nonce, body["runtime-data"]?["tee-pubkey"], additionalEvidence: additional, keys: keys)
        let found: any Attestation
        if let primary = evidence?["primary_evidence"], primary["attestation_report"] != nil {
            try Self.checkAdditional(body)
            let message = try read(primary, SNPEvidenceMessage.init)
            found = SNPEvidence(message.report, sent: message.certificates)
        } else if let primary = evidence?["primary_evidence"], primary["svn"] != nil {
            try Self.checkAdditional(body)
            let message = try read(primary, SampleEvidenceMessage.init)
            found = SampleEvidence(reportData: try message.checkedReportData(), svn: message.svn)
        } else {
            throw Refusal(
                .technologyMismatch, "tee-evidence.primary_evidence is of no technology that is verified here: snp is.")
        }
        let expected: [UInt8]
        var sampleDevices: [SampleDevice] = []
        do throws(MalformedInput) {
            expected = try binding.reportData(like: found.reportData)
        } catch { throw Refusal(.malformed, "runtime-data cannot be used: \(error.reason).") }
        if let device = devices.sample {
            let data = try device.checkedReportData()
            do throws(MalformedInput) {
                sampleDevices.append(
                    .init(svn: device.svn, reportData: data, expected: try binding.deviceReportData(like: data)))
            } catch { throw Refusal(.malformed, "runtime-data cannot be used: \(error.reason).") }
        }
        answer = Answer(
            found, boundTo: expected, key: binding.key.json,
            initData: initialData.map {
                .init(digest: $0.digest, wholeDigest: $0.wholeDigest, claims: $0.claims)
            }, devices: sampleDevices)
    }

    /// Checks that `additional_evidence` is present and a text. In any other form it would pass for empty.
    private static func checkAdditional(_ body: JSON) throws(Refusal) {
        _ = try read(body) { body throws(MalformedInput) in
            try body.member("tee-evidence").member("additional_evidence").text()
        }
    }
}

extension SampleEvidenceMessage {
    /// - Throws: a ``Refusal`` for values longer than real ones: database and token keep them unchanged.
    fileprivate func checkedReportData() throws(Refusal) -> [UInt8] {
        guard let data = Base64.decode(reportData), data.count <= 64 else {
            throw Refusal(.malformed, "report_data must be base64 of at most 64 bytes.")
        }
        guard svn.utf8.count <= 64 else { throw Refusal(.malformed, "svn may have 64 bytes.") }
        return data
    }
}

/// Decodes a body. The error names the field and repeats none of the body.
func decode<Message>(
    _ body: [UInt8], _ message: (JSON) throws(MalformedInput) -> Message
) throws(Refusal) -> Message {
    let json: JSON
    do { json = try JSON(body) } catch {
        throw Refusal(.malformed, "The body is not JSON that can be used: \(error.reason).")
    }
    return try read(json, message)
}

/// Decodes a value of a body, in the same way.
func read<Message>(
    _ json: JSON, _ message: (JSON) throws(MalformedInput) -> Message
) throws(Refusal) -> Message {
    do { return try message(json) } catch { throw Refusal(.malformed, "The field \(error.subject) \(error.reason).") }
}
