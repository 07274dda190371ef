import Bytes
package import Evidence

/// What a report says, for a person: claims, until the verdict says that they are genuine.
package struct ReportSummary: Sendable {
    /// Names and values, in the order in which they are shown.
    package let fields: [(name: String, value: String)]

    package init(_ report: AttestationReport) {
        // Milan's and Genoa's versions have one layout, and reports of version 2 came from no others.
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
