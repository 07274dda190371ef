import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Release
import SimulatedHardware
import TestSupport
import Testing

@Suite("kbs-guest, as a program")
struct EvidenceProgramTests {
    private func tsm(_ workload: String, _ change: (inout SimulatedTSM.Behaviour) throws -> Void = { _ in }) throws
        -> SimulatedTSM
    {
        var behaviour = SimulatedTSM.Behaviour { try Simulated.report(workload, $0, vmpl: $1) }
        behaviour.table = try HostTable.simulated()
        try change(&behaviour)
        return try SimulatedTSM(behaviour)
    }

    @Test("A request that another program wrote to is made again, and one that always is so fails")
    func intruded() async throws {
        let once = try tsm("web") { $0.intrusions = 1 }
        let folder = try TemporaryFolder()
        func evidence(_ tsm: SimulatedTSM, vmpl: String? = nil) async throws -> ProgramResult {
            defer { tsm.stop() }
            return try await GuestProgram.run(
                [
                    "evidence", "--tsm-path", tsm.path, "--report-data", String(repeating: "ab", count: 64), "--out",
                    folder.file("report").path, "--certificates", folder.file("chain.pem").path,
                ] + (vmpl.map { ["--vmpl", $0] } ?? []), environment: ["KBS_TEST_TSM": tsm.path])
        }
        let got = try await evidence(once, vmpl: "2")
        #expect(got.status == 0 && once.requests == 2 && once.leftovers.isEmpty, "\(got.errors)")
        let report = try AttestationReport(bytes: Array(try Data(contentsOf: folder.file("report"))))
        #expect(report.vmpl == 2 && report.reportData == [UInt8](repeating: 0xAB, count: 64))
        let chain = try Certificate.read(file: Array(try Data(contentsOf: folder.file("chain.pem"))))
        #expect(chain == [try Simulated.snp.ark, try Simulated.snp.ask, try Simulated.vcek.certificate])

        let bare = try tsm("web") { $0.table = [] }
        try FileManager.default.removeItem(at: folder.file("chain.pem"))
        let alone = try await evidence(bare)
        #expect(alone.status == 0 && alone.errors.contains("The host gives no certificates"), "\(alone.errors)")
        #expect(!FileManager.default.fileExists(atPath: folder.file("chain.pem").path))

        let late = try tsm("web") { $0.lateIntrusions = 1 }
        let again = try await evidence(late)
        #expect(again.status == 0 && late.requests == 2 && late.leftovers.isEmpty, "\(again.errors)")

        let always = try tsm("web") { $0.intrusions = 100 }
        let failed = try await evidence(always)
        #expect(failed.status == 2 && failed.errors.contains("another program") && always.leftovers.isEmpty)
    }

    @Test("Reports of another technology, of another length, or for another request are not sent on")
    func badReports() async throws {
        let cases: [(String, (inout SimulatedTSM.Behaviour) -> Void)] = [
            ("tdx_guest", { $0.provider = "tdx_guest" }),
            ("cannot be read", { $0.report = { _, _ in [1, 2, 3] } }),
            (
                "other report data",
                { $0.report = { _, _ in try Simulated.report("web", [UInt8](repeating: 1, count: 64)) } }
            ),
        ]
        for (words, change) in cases {
            let tsm = try tsm("web", change)
            defer { tsm.stop() }
            let got = try await GuestProgram.run(
                [
                    "evidence", "--tsm-path", tsm.path, "--report-data", String(repeating: "00", count: 64), "--out",
                    "/dev/null",
                ],
                environment: ["KBS_TEST_TSM": tsm.path])
            #expect(got.status == 2 && got.errors.contains(words), "\(got.errors)")
            #expect(tsm.leftovers.isEmpty)
        }
    }

    @Test("It needs libcrypto, libssl and the C, C++ and Swift runtime, and nothing else")
    func libraries() async throws {
        let listed = try await ProgramResult.of("ldd", [Programs.built("kbs-guest")])
        #expect(listed.status == 0, "\(listed.errors)")
        let names = listed.output.split(separator: "\n").compactMap { line in
            line.split(whereSeparator: \.isWhitespace).first?.split(separator: "/").last.map(String.init)
        }
        let system = [
            "linux-vdso", "ld-linux", "libc.", "libm.", "libstdc++.", "libgcc_s.", "libdl.", "libpthread.", "librt.",
        ]
        // A debug build has the Swift runtime in libraries, which what is installed has in itself.
        let runtime = ["libswift", "libdispatch.", "libBlocksRuntime.", "libFoundationEssentials."]
        let own = names.filter { name in !(system + runtime).contains { name.hasPrefix($0) } }
        #expect(own.sorted() == ["libcrypto.so.3", "libssl.so.3"])
    }

    @Test("What cannot be used is told with the status for it")
    func usage() async throws {
        let none = try await GuestProgram.run(["unlock"])
        #expect(none.status == 64 && none.errors.contains("Usage: kbs-guest unlock"), "\(none.errors)")
        let device = try await GuestProgram.run(["status", "--device", "nosuch"])
        #expect(device.status == 2 && device.errors == "kbs guest: --device must be auto, configfs or sev-guest.\n")
        let data = try await GuestProgram.run(["evidence", "--tsm-path", "/tmp", "--report-data", "00", "--out", "r"])
        #expect(data.status == 2 && data.errors.contains("128 hex digits"))
        let version = try await GuestProgram.run(["--version"])
        #expect(version.output == "\(Build.version)\n")
    }
}
