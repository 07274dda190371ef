public import Broker
import Bytes
import CoCoDialect
public import Evidence
import VirteeDialect

/// Recorded evidence of an SEV-SNP guest: a bare report, or JSON as a guest sends it.
public struct RecordedEvidence: Sendable {
    public let evidence: SNPEvidence
    /// Init data in the evidence, or given beside it.
    public let initData: Answer.InitData?
    /// The expected report data, 64 bytes; `nil` if the evidence does not determine them.
    public let reportData: [UInt8]?
    /// The original form, to send to a server.
    let source: Source

    struct Source {
        /// The JSON; `nil` for a bare report.
        let evidence: String?
        /// Init data that were given beside it, TOML.
        let initData: String?
    }

    /// - Parameters:
    ///   - contents: a report of 1,184 bytes, the same in hex, or JSON: the body of a guest's `POST /attest` in either protocol,
    ///     or its evidence alone.
    ///   - certificates: certificates beside those in the evidence.
    ///   - document: init data in TOML, if the evidence has none.
    /// - Throws: a ``Refusal`` or ``MalformedInput``.
    public init(_ contents: [UInt8], certificates more: [Certificate] = [], initData document: String? = nil) throws {
        let isSpace = { (byte: UInt8) in [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
        let bytes = Array(contents.drop(while: isSpace).reversed().drop(while: isSpace).reversed())
        let isJSON = bytes.first == UInt8(ascii: "{")
        var sent: Answer.InitData?
        if !isJSON {
            let text = String(decoding: bytes, as: UTF8.self)
            evidence = SNPEvidence(try AttestationReport(bytes: Hex.decode(text) ?? contents), certificates: more)
            reportData = nil
        } else if case .snp(let sent, _) = try? VirteeAnswer(json: bytes).proof {
            (evidence, reportData) = (sent.with(more), nil)
        } else {
            let recorded = try RecordedAttestation(json: bytes)
            evidence = recorded.evidence.with(more)
            (sent, reportData) = (recorded.initData, recorded.reportData)
        }
        guard sent == nil || document == nil else {
            throw Refusal(.invalidField, "The evidence has init data of its own: leave out those beside it.")
        }
        initData = try document.map { text throws(Refusal) in try Answer.InitData(document: text) } ?? sent
        source = Source(evidence: isJSON ? String(decoding: bytes, as: UTF8.self) : nil, initData: document)
    }
}
