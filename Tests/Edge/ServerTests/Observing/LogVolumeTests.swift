import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport
import Testing

/// How much others can write into a server's log.
@Suite("The size of the log")
struct LogVolumeTests {
    @Test("A stranger's refused requests are a line each minute with a count, whatever they are refused for; A6")
    func strangers() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let (before, begun) = (server.log.utf8.count, ContinuousClock.now)
        let headers = [("Content-Type", "application/json")]
        let bodies = [
            ("/kbs/v0/attest", "{}"), ("/kbs/v0/auth", "{"),
            ("/kbs/v0/auth", #"{"tee":"snp","extra-params":{"workload_id":"none"}}"#),
            ("/kbs/v0/auth", #"{"version":"0.1.0","tee":"snp","extra-params":""}"#),
            ("/kbs/v0/register_workload", "{}"),
        ]
        for _ in 0..<100 {
            for (path, body) in bodies {
                let reply = try await RunningServer.send("POST", to: server.base + path, body.utf8, headers: headers)
                #expect(reply.status >= 400)
            }
            _ = try await RunningServer.send("GET", to: server.base + "/kbs/v0/resource/a/b/c", headers: headers)
        }
        let minutes = 1 + Int(begun.duration(to: .now) / .seconds(60))
        #expect(server.log.utf8.count - before < 6_000 * minutes, "600 requests:\n\(server.log)")
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        // Each kind of refusal is there once, with the address, and then each minute with its count.
        let refused = server.log.split(separator: "\n").filter { $0.contains("refused.") }
        #expect(refused.allSatisfy { $0.contains("address=127.0.0.1") })
        let repeated = refused.compactMap { $0.firstMatch(of: /repeated=(\d+)/).flatMap { Int($0.1) } }
        let kinds = refused.count - repeated.count
        #expect(kinds > 0 && repeated.reduce(0, +) == 99 * kinds, "\(server.log)")
    }

    @Test("A database that takes nothing is a line, however many requests fail of it; E10")
    func fault() async throws {
        let folder = try TemporaryFolder()
        // As on a disk that is full.
        let server = try await ServerProcess.start(folder, longestFile: 1_024)
        let transport = GuestTransport(base: server.base, client: .shared)
        var failures = 0
        for number in 0..<800 {
            do {
                try await transport.register(
                    "app-\(number)", measurement: String(repeating: "a", count: 96), configuration: "",
                    secret: String(repeating: "s", count: 128))
            } catch let refused as GuestTransport.Refused {
                failures += refused.status == 503 ? 1 : 0
            }
        }
        #expect(failures > 200)
        let lines = server.log.split(separator: "\n").filter { $0.contains(" error ") }
        #expect((1...10).contains(lines.count), "\(failures) failed:\n\(lines.prefix(20).joined(separator: "\n"))")
    }
}
