import Evidence
import Foundation

/// Any bytes as a report: it is read or refused, and without a certificate never accepted.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    // Cut or filled to a report's length, so that most inputs get past that check.
    let padded = Array((bytes + Array(repeating: 0, count: AttestationReport.size)).prefix(AttestationReport.size))
    for candidate in [bytes, padded] {
        guard let report = try? AttestationReport(bytes: candidate) else { continue }
        let expected = SNPExpectations(measurement: report.measurement, reportData: report.reportData)
        let verdict = SNPVerifier.verify(report, endorsement: nil, expecting: expected, at: Date())
        precondition(!verdict.isAccepted && !verdict.isGenuine)
        _ = verdict.sentence
        for check in verdict.checks { _ = "\(check.expected) \(check.found)" }
    }
    return 0
}
