import Broker
public import Evidence
import Foundation
import VirteeDialect

/// Evidence that was kept in a file: a bare report, or the body of a guest's `POST /attest`.
public struct RecordedEvidence: Sendable {
    public let report: AttestationReport
    public let certificates: [Certificate]

    /// - Parameter contents: 1,184 bytes, the same in hex, or JSON.
    /// - Throws: ``MalformedInput``.
    public init(_ contents: [UInt8]) throws {
        let text = String(decoding: contents, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if text.hasPrefix("{") {
            guard case .snp(let answer) = try? Answer(virteeJSON: Data(contents)) else {
                throw MalformedInput("evidence", "it is JSON, but not the body of an SEV-SNP guest's POST /attest")
            }
            (report, certificates) = (answer.report, answer.certificates)
        } else {
            (report, certificates) = (try AttestationReport(bytes: Hex.decode(text) ?? contents), [])
        }
    }
}
