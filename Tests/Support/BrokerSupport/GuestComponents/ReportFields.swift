import Evidence
import Foundation

/// An SNP report as guest components send it: as fields. Source: AMD 56860, table
/// "ATTESTATION_REPORT", in the JSON that serde makes of the `sev` crate's `AttestationReport`.
public enum ReportFields {
    /// - Parameters:
    ///   - report: 1,184 bytes.
    ///   - isTurin: whether its TCBs have an FMC.
    public static func json(of report: [UInt8], isTurin: Bool = false) -> [String: Any] {
        func number(_ offset: Int, _ size: Int) -> UInt64 {
            report[offset..<offset + size].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func bytes(_ offset: Int, _ size: Int) -> [Int] { report[offset..<offset + size].map(Int.init) }
        func tcb(_ at: Int) -> [String: Any] {
            let order = isTurin ? [0, 1, 2, 3, 7] : [-1, 0, 1, 6, 7]
            let names = ["fmc", "bootloader", "tee", "snp", "microcode"]
            return Dictionary(
                uniqueKeysWithValues: zip(names, order).map { ($0, $1 < 0 ? NSNull() : Int(report[at + $1]) as Any) })
        }
        func firmware(_ at: Int) -> [String: Int] {
            ["build": Int(report[at]), "minor": Int(report[at + 1]), "major": Int(report[at + 2])]
        }
        var fields: [String: Any] = [
            "version": number(0, 4), "guest_svn": number(4, 4), "policy": number(8, 8), "family_id": bytes(0x10, 16),
            "image_id": bytes(0x20, 16), "vmpl": number(0x30, 4), "sig_algo": number(0x34, 4),
            "current_tcb": tcb(0x38), "plat_info": number(0x40, 8), "key_info": number(0x48, 4),
            "report_data": bytes(0x50, 64), "measurement": bytes(0x90, 48), "host_data": bytes(0xC0, 32),
            "id_key_digest": bytes(0xE0, 48), "author_key_digest": bytes(0x110, 48), "report_id": bytes(0x140, 32),
            "report_id_ma": bytes(0x160, 32), "reported_tcb": tcb(0x180), "chip_id": bytes(0x1A0, 64),
            "committed_tcb": tcb(0x1E0), "current": firmware(0x1E8), "committed": firmware(0x1EC),
            "launch_tcb": tcb(0x1F0), "signature": ["r": bytes(0x2A0, 72), "s": bytes(0x2E8, 72)],
        ]
        if number(0, 4) >= 3 {
            (fields["cpuid_fam_id"], fields["cpuid_mod_id"], fields["cpuid_step"]) = (
                Int(report[0x188]), Int(report[0x189]), Int(report[0x18A])
            )
        }
        if number(0, 4) >= 5 {
            (fields["launch_mit_vector"], fields["current_mit_vector"]) = (number(0x1F8, 8), number(0x200, 8))
        }
        return fields
    }
}
