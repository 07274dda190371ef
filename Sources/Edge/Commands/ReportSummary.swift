import Bytes
import Evidence

/// A report's claims, for display.
struct ReportSummary: Sendable {
    /// Names and values, in the order of display.
    let fields: [(name: String, value: String)]

    init(_ report: AttestationReport) {
        // Reports of version 2 do not state the product; Milan's and Genoa's TCBs have the same layout.
        let product = report.product ?? .milan
        func tcb(_ raw: RawTCBVersion) -> String { raw.version(of: product).description }
        fields = [
            ("version", "\(report.version)"),
            ("product", report.product?.rawValue ?? "not stated"),
            ("chip_id", report.isChipMasked ? "hidden" : Hex.encode(report.hardwareID(of: product))),
            ("signing_key", "\(report.signingKey)"),
            ("reported_tcb", tcb(report.reportedTCB)), ("current_tcb", tcb(report.currentTCB)),
            ("committed_tcb", tcb(report.committedTCB)), ("launch_tcb", tcb(report.launchTCB)),
            ("platform_info", "0x" + String(report.platformInfo, radix: 16)),
            ("policy", "0x" + String(report.policy.rawValue, radix: 16)), ("vmpl", "\(report.vmpl)"),
            ("measurement", Hex.encode(report.measurement)), ("report_data", Hex.encode(report.reportData)),
            ("host_data", Hex.encode(report.hostData)), ("id_key_digest", Hex.encode(report.idKeyDigest)),
            ("author_key_digest", Hex.encode(report.authorKeyDigest)),
        ]
    }
}
