public import Broker
import Bytes
public import Evidence
import Formats
import JOSE

/// Recorded evidence of a guest, to be appraised again: the body of its `POST /attest`, or the evidence alone.
public struct RecordedAttestation: Sendable {
    public let evidence: SNPEvidence
    /// The init data of the body; `nil` without any.
    public let initData: Answer.InitData?
    /// The expected report data, 64 bytes, computed from the body's nonce, guest key and additional evidence; `nil` for
    /// evidence without a body.
    public let reportData: [UInt8]?

    /// - Parameter json: the body of a `POST /attest`, its `tee-evidence`, or the `primary_evidence` in that.
    /// - Throws: a ``Refusal`` that names the field.
    public init(json: [UInt8]) throws(Refusal) {
        let value: JSON
        do { value = try JSON(json) } catch {
            throw Refusal(.malformed, "The evidence is not JSON that can be used: \(error.reason).")
        }
        if value["tee-evidence"] != nil {
            var rules = RecipientKey.Rules()
            // Nothing is encrypted to the key.
            rules.allowsRSA1_5 = true
            let guest = try GuestComponentAnswer(try AttestationBody(value), keys: rules, allowsSample: false).answer
            guard case .evidence(let evidence as SNPEvidence) = guest.proof else {
                throw Refusal(
                    .technologyMismatch, "The evidence is a sample's, behind which there is no hardware to look at.")
            }
            self.evidence = evidence
            (initData, reportData) = (guest.initData, guest.reportData)
            return
        }
        let message: SNPEvidenceMessage
        if let primary = value["primary_evidence"] {
            message = try read(primary, SNPEvidenceMessage.init)
        } else if value["attestation_report"] != nil {
            message = try read(value, SNPEvidenceMessage.init)
        } else {
            throw Refusal(
                .malformed,
                "The evidence is JSON, but neither the body of an SEV-SNP guest's POST /attest nor evidence with an "
                    + "attestation_report.")
        }
        evidence = SNPEvidence(message.report, sent: message.certificates)
        (initData, reportData) = (nil, nil)
    }
}

extension Answer.InitData {
    /// Init data as a host gives them to a guest.
    ///
    /// - Parameter document: TOML. docs/coco.md says what may stand there.
    /// - Throws: a ``Refusal``.
    public init(document: String) throws(Refusal) {
        let data = try InitialData(InitialDataMessage(format: "toml", body: document))
        self.init(digest: data.digest, wholeDigest: data.wholeDigest, claims: data.claims)
    }
}
