import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import TLSSupport
import TestSupport
import Testing

@testable import Guest

/// The kernel's answers, one after the other; the last one for ever.
private final class FakeChannel: ReportChannel {
    struct Asked { let reportData: [UInt8], level: UInt32, room: Int? }
    private let replies: [ReportReply]
    private let log = Lock<[Asked]>([])
    var asked: [Asked] { log.withLock { $0 } }

    init(_ replies: ReportReply...) { self.replies = replies }

    func request(reportData: [UInt8], privilegeLevel: UInt32, tableRoom: Int?) throws -> ReportReply {
        let count = log.withLock {
            $0.append(Asked(reportData: reportData, level: privilegeLevel, room: tableRoom))
            return $0.count
        }
        return replies[min(count, replies.count) - 1]
    }
}

@Suite("/dev/sev-guest")
struct SEVGuestDeviceTests {
    private static let reportData = [UInt8](repeating: 7, count: 64)

    private static func response(_ report: [UInt8], status: UInt32 = 0, size: UInt32? = nil) -> [UInt8] {
        let head =
            status.littleEndianBytes + (size ?? UInt32(report.count)).littleEndianBytes
            + [UInt8](repeating: 0, count: 24)
        return head + report + [UInt8](repeating: 0, count: 4_000 - 32 - report.count)
    }

    private static func good() throws -> ReportReply {
        ReportReply(response: response(try Simulated.report("web", reportData)), table: try HostTable.simulated())
    }

    private func ask(_ channel: FakeChannel, level: UInt32? = nil) async throws -> GuestEvidence {
        try await SEVGuestDevice(path: "/dev/sev-guest", privilegeLevel: level, channel: channel)
            .evidence(reportData: Self.reportData)
    }

    private func failure(_ channel: FakeChannel) async -> String {
        do {
            _ = try await ask(channel)
            return "it succeeded"
        } catch let failure as GuestFailure where failure.kind == .unusable {
            return failure.description
        } catch { return "another error: \(error)" }
    }

    @Test("A report and the host's certificates come with one extended request")
    func extended() async throws {
        let channel = FakeChannel(try Self.good())
        let evidence = try await ask(channel, level: 3)
        #expect(
            evidence.report.bytes == (try Simulated.report("web", Self.reportData)).prefix(0x2A0)
                + evidence.report.bytes.suffix(512))
        #expect(evidence.certificates.count == 3)
        #expect(channel.asked.count == 1 && channel.asked[0].level == 3 && channel.asked[0].room == 16_384)
        #expect(channel.asked[0].reportData == Self.reportData)
    }

    @Test("A host without certificates is asked for the report alone")
    func plain() async throws {
        var good = try Self.good()
        good.table = []
        let channel = FakeChannel(ReportReply(code: EIO, exitInfo2: 1 << 32), good)
        #expect(try await ask(channel).certificates.isEmpty)
        #expect(channel.asked.map(\.room) == [16_384, nil])
    }

    @Test("A broken certificate table does not cost the report")
    func brokenTable() async throws {
        var good = try Self.good()
        good.table = [UInt8](repeating: 1, count: 100)
        #expect(try await ask(FakeChannel(good)).certificates.isEmpty)
    }

    @Test("A busy hypervisor is asked again")
    func busy() async throws {
        let busy = ReportReply(code: EIO, exitInfo2: 2 << 32)
        let channel = FakeChannel(busy, ReportReply(code: EAGAIN), try Self.good())
        _ = try await ask(channel)
        #expect(channel.asked.count == 3)
    }

    @Test("Errors of the hypervisor, the firmware and the kernel become sentences")
    func errors() async throws {
        let report = try Simulated.report("web", Self.reportData)
        let cases: [(ReportReply, String)] = [
            (ReportReply(code: EIO, exitInfo2: 5 << 32), "hypervisor failed with code 5"),
            (ReportReply(code: EIO, exitInfo2: 0x16), "firmware failed with code 0x16"),
            (ReportReply(code: EIO, exitInfo2: 0xFFFF_FFFF), "see dmesg"),
            (ReportReply(code: ENOTTY), "no SEV-SNP guest device"),
            (ReportReply(response: Self.response(report, status: 0x16)), "--vmpl"),
            (ReportReply(response: Self.response(report, status: 0x27)), "no key"),
            (ReportReply(response: Self.response(report, status: 9)), "status 0x9"),
            (ReportReply(response: Self.response(report, size: 4_000)), "4000 bytes"),
            (ReportReply(response: [1, 2]), "ends early"),
            (
                ReportReply(response: Self.response(try Simulated.report("web", [UInt8](repeating: 8, count: 64)))),
                "other report data"
            ),
        ]
        for (reply, words) in cases {
            let sentence = await failure(FakeChannel(reply))
            #expect(sentence.contains(words), "\(sentence)")
        }
    }

    @Test("The real program asks by ioctl, and saves what it gets")
    func program() async throws {
        try await IoctlResponder.run { socket in
            let folder = try TemporaryFolder()
            let got = try await GuestProgram.run(
                [
                    "evidence", "--device", "sev-guest", "--report-data", String(repeating: "ab", count: 64), "--vmpl",
                    "3", "--out", folder.file("report").path, "--certificates", folder.file("chain.pem").path,
                ], environment: ["KBS_TEST_SEV_GUEST": socket])
            #expect(got.status == 0 && got.output.isEmpty, "\(got.errors)")
            let report = try AttestationReport(bytes: Array(try Data(contentsOf: folder.file("report"))))
            #expect(report.vmpl == 3 && report.reportData == [UInt8](repeating: 0xAB, count: 64))
            #expect(try Certificate.read(file: Array(try Data(contentsOf: folder.file("chain.pem")))).count == 3)
            let automatic = try await GuestProgram.run(
                ["status", "--tsm-path", "/nonexistent"], environment: ["KBS_TEST_SEV_GUEST": socket])
            #expect(automatic.status == 0 && automatic.output.contains("/dev/sev-guest: there\n"))
        }
    }

    @Test("The real program asks by ioctl, and the broker accepts what it gets")
    func programWithBroker() async throws {
        try await RunningBroker.run(workloads: ["web": "by ioctl"]) { port in
            try await IoctlResponder.run { socket in
                let got = try await GuestProgram.run(
                    [
                        "unlock", "--device", "sev-guest", "--url", "http://127.0.0.1:\(port)", "--insecure-http",
                        "--workload", "web", "--rsa-bits", "4096", "--timeout", "600s",
                    ], environment: ["KBS_TEST_SEV_GUEST": socket])
                #expect(got.status == 0 && got.output == "by ioctl", "\(got.errors)")
            }
        }
    }

    @Test("Without any device it says so, with the status for it")
    func nothing() async throws {
        let got = try await GuestProgram.run(["status", "--tsm-path", "/nonexistent"])
        #expect(got.status == 2 && got.output.contains("not there"))
        let unlock = try await GuestProgram.run([
            "unlock", "--tsm-path", "/nonexistent", "--url", "https://127.0.0.1:1", "--workload", "web",
        ])
        #expect(unlock.status == 2 && unlock.errors.contains("no attestation reports"), "\(unlock.errors)")
    }
}

/// The other end of the shim's socket: simulated hardware that answers ioctls. Test machines have no /dev/sev-guest.
enum IoctlResponder {
    static func run(_ body: (_ socket: String) async throws -> Void) async throws {
        // Socket paths are short: not in the tests' temporary folder.
        let path = "/tmp/kbs-\(UUID().uuidString.prefix(13)).sock"
        let listener = try TestListener(path: path) { socket in
            defer { close(socket) }
            while let request = receive(76, socket), let answer = try? answer(to: request) {
                var rest = answer[...]
                while !rest.isEmpty {
                    let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                    guard count > 0 else { return }
                    rest = rest.dropFirst(count)
                }
            }
        }
        try await body(path)
        withExtendedLifetime(listener) {}
    }

    private static func receive(_ count: Int, _ socket: Int32) -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: count)
        while bytes.count < count {
            let read = recv(socket, &chunk, count - bytes.count, 0)
            guard read > 0 else { return nil }
            bytes += chunk.prefix(read)
        }
        return bytes
    }

    private static func answer(to request: [UInt8]) throws -> [UInt8] {
        let (isExtended, level) = (request[0] == 2, UInt32(request[4]))
        let report = try Simulated.report("web", Array(request[12...]), vmpl: level)
        let table = try HostTable.simulated()
        var answer = UInt32(0).littleEndianBytes + UInt64(0).littleEndianBytes
        answer += UInt32(0).littleEndianBytes + UInt32(1_184).littleEndianBytes + [UInt8](repeating: 0, count: 24)
        answer += report + [UInt8](repeating: 0, count: 4_000 - 32 - 1_184)
        return answer + UInt32(isExtended ? table.count : 0).littleEndianBytes + (isExtended ? table : [])
    }
}
