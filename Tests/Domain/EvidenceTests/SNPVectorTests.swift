import Appraisal
import Evidence
import EvidenceSupport
import Foundation
import TestSupport
import Testing

@testable import Evidence

@Suite("Real SNP reports", .enabled(if: Vectors.arePresent, "the real reports are not here"))
struct SNPVectorTests {
    @Test(
        "Every report in the manifest is genuine", arguments: ["milan-v2-a", "milan-v2-b", "milan-v3-vlek", "genoa-v3"])
    func isGenuine(id: String) throws {
        let vector = try Vectors.snp(id)
        let verdict = SNPVerifier.verify(
            try vector.attestationReport(), endorsement: try vector.chain(), expecting: try vector.expectations(),
            at: try vector.time)
        #expect(verdict.isGenuine, "\(verdict.failures)")
    }

    @Test("The manifest holds no report that is not tested here")
    func isComplete() throws {
        #expect(try Vectors.snp().map(\.id).sorted() == ["genoa-v3", "milan-v2-a", "milan-v2-b", "milan-v3-vlek"])
    }

    @Test("Genoa's report is accepted as registered")
    func genoa() throws {
        #expect(try verdict("genoa-v3").isAccepted)
    }

    @Test("A report whose firmware is not committed is refused until the server allows it")
    func provisional() throws {
        #expect(try verdict("milan-v2-a").failures.map(\.name) == [.snpProvisional])
        #expect(try verdict("milan-v2-a") { $0.server.allowsProvisionalFirmware = true }.isAccepted)
    }

    @Test("A debuggable guest is refused by default, and unless both the workload and the server allow it")
    func debug() throws {
        #expect(try verdict("milan-v2-b").failures.map(\.name) == [.snpDebug])
        #expect(try verdict("milan-v2-b") { $0.policy = .unstated }.failures.map(\.name) == [.snpPolicy, .snpDebug])
        let onlyServer = try verdict("milan-v2-b") {
            $0.policy = .unstated
            $0.server.allowsDebug = true
        }
        #expect(onlyServer.failures.map(\.name) == [.snpPolicy])
        #expect(try verdict("milan-v2-b") { $0.server.allowsDebug = true }.isAccepted)
    }

    @Test("A VLEK's report is accepted while the VLEK is valid, and not after")
    func vlek() throws {
        let allowing: (inout SNPExpectations) -> Void = { $0.server.allowsProvisionalFirmware = true }
        #expect(try verdict("milan-v3-vlek", change: allowing).isAccepted)
        let late = try verdict("milan-v3-vlek", at: Date("2025-12-11T00:00:00Z", strategy: .iso8601), change: allowing)
        #expect(late.failures.map(\.name) == [.snpValidity])
        #expect(!late.isGenuine)
        let early = try verdict("milan-v3-vlek", at: Date("2024-12-09T00:00:00Z", strategy: .iso8601), change: allowing)
        #expect(early.failures.map(\.name) == [.snpValidity])
    }

    @Test("Another chip's certificate does not prove a report")
    func otherChip() throws {
        let verdict = SNPVerifier.verify(
            try Vectors.snp("milan-v2-a").attestationReport(), endorsement: try Vectors.snp("milan-v2-b").chain(),
            expecting: try Vectors.snp("milan-v2-a").expectations(), at: try Vectors.snp("milan-v2-a").time)
        #expect(!verdict.isGenuine)
        let names = Set(verdict.failures.map(\.name))
        #expect(names.isSuperset(of: [.snpChip, .snpReportedTCB, .snpSignature]))
    }

    @Test("Of all 9,472 reports that differ from a real one in one bit, none is accepted")
    func bitFlips() async throws {
        let vector = try Vectors.snp("genoa-v3")
        let original = try vector.attestationReport().bytes
        let (chain, expected, time) = (try vector.chain(), try vector.expectations(), try vector.time)
        let accepted = try await withThrowingTaskGroup(of: [Int].self) { group in
            for byte in original.indices {
                group.addTask {
                    try (0..<8).filter { bit in
                        var bytes = original
                        bytes[byte] ^= 1 << UInt8(bit)
                        let report = try AttestationReport(bytes: bytes)
                        let verdict = SNPVerifier.verify(report, endorsement: chain, expecting: expected, at: time)
                        return verdict.isGenuine || verdict.isAccepted
                    }.map { byte * 8 + $0 }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(accepted.isEmpty, "bits \(accepted)")
    }

    private func verdict(
        _ id: String, at time: Date? = nil, change: (inout SNPExpectations) -> Void = { _ in }
    ) throws -> Verdict {
        let vector = try Vectors.snp(id)
        var expected = try vector.expectations()
        change(&expected)
        return SNPVerifier.verify(
            try vector.attestationReport(), endorsement: try vector.chain(), expecting: expected,
            at: try time ?? vector.time)
    }
}
