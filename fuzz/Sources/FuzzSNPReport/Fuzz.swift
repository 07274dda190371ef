import Appraisal
import Evidence
import Foundation
import FuzzSupport
import SimulatedHardware

/// Any bytes as a report: it is read or refused, and without a certificate never accepted. Signed by simulated hardware, it
/// is accepted only as it should be.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Depth.bytes(start, count)
    // Cut or filled to a report's length, so that most inputs get past that check.
    let padded = Array((bytes + Array(repeating: 0, count: AttestationReport.size)).prefix(AttestationReport.size))
    for candidate in [bytes, padded] {
        guard let report = try? AttestationReport(bytes: candidate) else { continue }
        Depth.reached("a report")
        let verdict = verdict(on: report, by: nil, at: Date())
        precondition(!verdict.isAccepted && !verdict.isGenuine)
        _ = verdict.sentence
        for check in verdict.checks { _ = "\(check.expected) \(check.found)" }
    }
    // Signing takes longer than all the rest, so some inputs get by without.
    if bytes.reduce(0, &+) & 7 == 0, let hardware = Hardware.shared { look(padded, hardware) }
    return 0
}

/// Bound to what it says, of a workload that is registered with what it says.
private func verdict(on report: AttestationReport, by chain: AppraisedChain?, at time: Date) -> Verdict {
    SNPEvidence(report).verify(
        by: chain, Exchange(reportData: report.reportData, at: time),
        expecting: Expectations(registration: .registration(measurement: report.measurement, policy: .unstated))
    ).verdict
}

/// A simulated chip whose root is trusted here.
private struct Hardware {
    let platform: SimulatedSNPPlatform
    let signer: SimulatedSNPPlatform.SigningKey
    let chain: AppraisedChain
    let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)
    let time: Date

    static let shared = try? Hardware()

    init() throws {
        platform = try SimulatedSNPPlatform(product: .milan)
        signer = try platform.vcek(tcb: tcb)
        time = signer.certificate.notBefore.addingTimeInterval(86_400)
        let key = try EndorsementKey(signer.certificate)
        let anchors = try Anchors.vendors.trusting(platform.roots).snp
        guard let chain = anchors.chains(of: [key], among: [platform.ask, platform.ark]).first else {
            throw CocoaError(.coderInvalidValue)
        }
        self.chain = chain
    }
}

/// A report of the simulated chip that says what the input says, but for the chip, its processor and its firmware.
private func look(_ bytes: [UInt8], _ hardware: Hardware) {
    var template = ReportTemplate(of: hardware.platform, tcb: hardware.tcb)
    for (index, byte) in bytes.prefix(0x2A0).enumerated() where byte != 0 && !isIdentity(index) {
        template.patches[index] = byte
    }
    guard let signed = try? template.signed(by: hardware.signer), let report = try? AttestationReport(bytes: signed)
    else { return }
    let verdict = verdict(on: report, by: hardware.chain, at: hardware.time)
    if verdict.isGenuine { Depth.reached("a genuine report") }
    if verdict.isAccepted {
        Depth.reached("an accepted report")
        precondition(!report.policy.contains(.debugAllowed))
    }
}

/// What an input would have to guess.
private func isIdentity(_ offset: Int) -> Bool {
    [0x000..<0x008, 0x034..<0x040, 0x048..<0x050, 0x180..<0x1F8].contains { $0.contains(offset) }
}
