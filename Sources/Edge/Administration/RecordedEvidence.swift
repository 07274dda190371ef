public import Broker
import Bytes
import CoCoDialect
public import Evidence
import VirteeDialect

/// An SEV-SNP guest's evidence that was kept: a bare report, or JSON as a guest sends it.
public struct RecordedEvidence: Sendable {
    public let evidence: SNPEvidence
    /// What the guest sent along, or is given beside the evidence.
    public let initData: Answer.InitData?
    /// What the report must be bound to, 64 bytes; `nil` when the evidence does not say.
    public let reportData: [UInt8]?
    /// What it was read from, for whoever reads it again.
    let source: Source

    struct Source {
        /// The JSON; `nil` for a bare report.
        let evidence: String?
        /// Init data that were given beside it: TOML.
        let initData: String?
    }

    /// - Parameters:
    ///   - contents: a report of 1,184 bytes, the same in hex, or JSON: the body of a guest's `POST /attest` in either protocol,
    ///     or its evidence alone.
    ///   - certificates: more of them than came along.
    ///   - document: init data, in TOML, where the evidence has none.
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
