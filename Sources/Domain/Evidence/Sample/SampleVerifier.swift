import Crypto

extension Check.Name {
    /// Nothing proves a sample. It counts as genuine where an operator says so, and nowhere else.
    static let sampleAllowed = Self("sample.allowed", .genuineness)
    static let sampleReportData = Self("sample.report_data", .acceptability)
    static let sampleDevice = Self("sample.device", .acceptability)
}

/// Looks at sample evidence, behind which there is no hardware: for trying a deployment out.
public enum SampleVerifier {
    /// - Parameters:
    ///   - reportData: what the guest says that its evidence is bound to; zeros at its end may be missing.
    ///   - expected: what binds it to a challenge and a key, 64 bytes.
    ///   - isAllowed: whether the operator takes samples.
    public static func verify(reportData: [UInt8], expecting expected: [UInt8], isAllowed: Bool) -> Verdict {
        var list = CheckList()
        list.check(
            .sampleAllowed, expected: .text("hardware, or samples allowed"), found: .text("a sample"), isAllowed,
            advice: "This server takes no sample evidence, behind which there is no hardware: run the guest on SEV-SNP."
        )
        let found = reportData + Array(repeating: 0, count: max(0, expected.count - reportData.count))
        list.check(
            .sampleReportData, expected: .bytes(expected), found: .bytes(found), equalInConstantTime(expected, found),
            advice: "The sample is not bound to this challenge and key: start again from /auth.")
        return Verdict(list)
    }
}

extension Verdict {
    /// This verdict and that of a sample device beside the processor. It can only become narrower.
    ///
    /// - Parameters:
    ///   - reportData: what the device says that its evidence is bound to; zeros at its end may be missing.
    ///   - expected: what binds it to a challenge and a key, 64 bytes.
    ///   - isAllowed: whether the operator takes samples.
    public func withSampleDevice(
        reportData: [UInt8], expecting expected: [UInt8], isAllowed: Bool
    ) -> Verdict {
        let found = reportData + Array(repeating: 0, count: max(0, expected.count - reportData.count))
        let isBound = equalInConstantTime(expected, found)
        return holding(to: [
            Requirement(
                .sampleDevice, expected: isAllowed ? .bytes(expected) : .text("a device with hardware behind it"),
                found: isAllowed ? .bytes(found) : .text("a sample"), isMet: isAllowed && isBound,
                advice: isAllowed
                    ? "The sample device is not bound to this challenge and key: start again from /auth."
                    : "This server takes no sample devices: have the guest attest without.")
        ])
    }
}
