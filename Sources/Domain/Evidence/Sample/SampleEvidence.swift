import Bytes
import Crypto

extension Check.Name {
    /// Nothing proves a sample: it counts as genuine only where an operator allows samples.
    static let sampleAllowed = Self("sample.allowed", .genuineness)
    static let sampleReportData = Self("sample.report_data", .acceptability)
    static let sampleDevice = Self("sample.device", .acceptability)
}

/// Evidence without hardware, for trials of a deployment.
public struct SampleEvidence: Attestation {
    /// The stated report data; zeros at the end may be missing.
    public let reportData: [UInt8]
    /// As the guest wrote it.
    public let svn: String

    public init(reportData: [UInt8], svn: String) { (self.reportData, self.svn) = (reportData, svn) }

    public var tee: GuestTEE { .sample }
    public var signers: [EndorsementName] { [] }
    public var offered: [EndorsementDocument] { [] }

    public static func endorsements(
        of signer: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors
    ) -> [NoEndorsement] { [] }

    public static func documents(of signer: EndorsementName) -> [EndorsementName] { [] }

    public static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trust: Trust
    ) -> [EndorsementName] { [] }

    public static func accept(
        _ document: EndorsementDocument, beside others: [EndorsementDocument], _ trust: Trust
    ) throws(DocumentRefusal) -> [EndorsementDocument] { throw .misnamed }

    public static func issues(_ name: EndorsementName) -> Bool { false }
    public static func documents(in certificates: [Certificate]) -> [EndorsementDocument] { [] }
    public static func endorser(of name: EndorsementName) -> Endorser? { nil }

    public static var decisive: Set<Check.Name> { [] }

    public func verify(by endorsement: NoEndorsement?, explaining: Bool, _ exchange: Exchange) -> Verdict {
        var list = CheckList()
        list.check(
            .sampleAllowed, expected: .text("hardware, or samples allowed"), found: .text("a sample"),
            exchange.takesSamples,
            advice: "This server takes no sample evidence, behind which there is no hardware: run the guest on SEV-SNP."
        )
        if let expected = exchange.reportData {
            let found = Self.padded(reportData, like: expected)
            list.check(
                .sampleReportData, expected: .bytes(expected), found: .bytes(found),
                equalInConstantTime(expected, found),
                advice: "The sample is not bound to this challenge and key: start again from /auth.")
        }
        return Verdict(list)
    }

    public func claims(by endorsement: NoEndorsement?) -> Claims { Claims(.sample, [SampleTerm.svn: .text(svn)]) }
    public func claims(ifSignedBy signer: EndorsementName) -> Claims { claims(by: nil) }

    fileprivate static func padded(_ found: [UInt8], like expected: [UInt8]) -> [UInt8] {
        found + Array(repeating: 0, count: max(0, expected.count - found.count))
    }
}

/// A sample of a device's evidence, beside the processor's.
public struct SampleDevice: Sendable, Hashable {
    public let svn: String
    /// The stated report data; zeros at the end may be missing.
    public let reportData: [UInt8]
    /// The expected report data, 64 bytes.
    public let expected: [UInt8]

    public init(svn: String, reportData: [UInt8], expected: [UInt8]) {
        (self.svn, self.reportData, self.expected) = (svn, reportData, expected)
    }

    /// The requirement that the operator allows samples, and that the device is bound to challenge and key.
    public func requirement(isAllowed: Bool) -> Requirement {
        let found = SampleEvidence.padded(reportData, like: expected)
        let isBound = equalInConstantTime(expected, found)
        return Requirement(
            .sampleDevice, expected: isAllowed ? .bytes(expected) : .text("a device with hardware behind it"),
            found: isAllowed ? .bytes(found) : .text("a sample"), isMet: isAllowed && isBound,
            advice: isAllowed
                ? "The sample device is not bound to this challenge and key: start again from /auth."
                : "This server takes no sample devices: have the guest attest without.")
    }
}
