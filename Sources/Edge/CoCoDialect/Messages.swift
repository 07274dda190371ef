import Bytes
import Evidence
import Formats

// The messages as on the wire, without logic. docs/coco.md describes them.

/// `POST /auth`.
struct RequestMessage: Sendable {
    let version: String
    let tee: String
    /// `supported-hash-algorithms`; `nil` if the guest sends none.
    let hashAlgorithms: [String]?

    init(_ json: JSON) throws(MalformedInput) {
        version = try json.member("version").text()
        tee = try json.member("tee").text()
        // Without parameters guests send an empty text.
        guard let parameters = json["extra-params"], parameters.kind == .object else {
            hashAlgorithms = nil
            return
        }
        hashAlgorithms = try parameters.optional("supported-hash-algorithms").map { list throws(MalformedInput) in
            try list.array().map { name throws(MalformedInput) in try name.text() }
        }
    }
}

/// `init-data` in `POST /attest`.
struct InitialDataMessage: Sendable {
    let format, body: String

    init(format: String, body: String) { (self.format, self.body) = (format, body) }

    init(_ json: JSON) throws(MalformedInput) {
        self.init(format: try json.member("format").text(), body: try json.member("body").text())
    }
}

/// Sample evidence, without hardware.
struct SampleEvidenceMessage: Sendable {
    let svn: String
    /// Base64.
    let reportData: String

    init(_ json: JSON) throws(MalformedInput) {
        svn = try json.member("svn").text()
        reportData = try json.member("report_data").text()
    }
}

/// An SNP report as fields, with certificates.
struct SNPEvidenceMessage: Sendable {
    let report: AttestationReport
    /// The entries of `cert_chain`: DER, or other bytes from the host's table.
    let certificates: [[UInt8]]

    init(_ json: JSON) throws(MalformedInput) {
        report = try AttestationReport(fields: json.member("attestation_report"))
        certificates =
            try json.optional("cert_chain")?.array().map { entry throws(MalformedInput) in
                try entry.member("data").bytes()
            } ?? []
    }
}
