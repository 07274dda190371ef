import BrokerSupport
import Bytes
import Concurrency
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import Installation
import SimulatedHardware
import TestSupport
import Testing

@Suite("The fleet, over the API and on the command line")
struct FleetTests {
    @Test("A chip is told of with its firmware, guest and certificate; whether it is under a floor is an exit status")
    func seen() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            let reply = try await server.call("GET", "/api/v1/fleet")
            let machine = try #require((reply.json["machines"] as? [[String: Any]])?.first, "\(reply.body)")
            #expect(machine["chip"] as? String == Hex.encode(try Simulated.snp.chipID))
            #expect(machine["product"] as? String == "Milan" && machine["guests"] as? [String] == ["app"])
            #expect((machine["versions"] as? [String: String])?["launch_tcb"] == "\(Simulated.tcb)")
            #expect(machine["key"] as? String == Hex.encode(try Simulated.vcek.certificate.publicKeyFingerprint))
            #expect(machine["good_until"] is String && machine["denied"] as? Bool == false && machine["under"] == nil)
            let under = try await server.call("GET", "/api/v1/fleet?under=milan%3D04.00.23.213&span=86400")
            let lag = try #require(
                ((under.json["machines"] as? [[String: Any]])?.first?["under"] as? [[String: Any]])?.first)
            #expect(lag["version"] as? String == "reported_tcb" && lag["component"] as? String == "SNP")
            #expect(lag["found"] as? Int == 22 && lag["floor"] as? Int == 23)
            let met = try await server.call("GET", "/api/v1/fleet?under=milan%3D04.00.22.213")
            #expect((met.json["machines"] as? [Any])?.isEmpty == true)
            for bad in ["under=milan", "under=", "span=0", "span=nan", "span=x", "since=7d"] {
                #expect(try await server.call("GET", "/api/v1/fleet?\(bad)").status == 400, "\(bad)")
            }

            let data = server.settings.dataFolder.path
            for place in [["--data", data], ["--url", server.base]] {
                func kbs(_ arguments: String...) async throws -> Command.Result {
                    try await Command.runAll(["fleet"] + arguments + place)
                }
                let all = try await kbs()
                #expect(all.status == 0 && all.output.contains("1 machine seen"), "\(all)")
                #expect(all.output.contains("Milan") && all.output.contains("no floor") && all.output.contains("app"))
                let low = try await kbs("--under", "milan=04.00.23.214", "--under", "genoa=10.00.23.25")
                #expect(low.status == 1 && low.output.contains("SNP 22 of 23, microcode 213 of 214"), "\(low)")
                let none = try await kbs("--under", "milan=04.00.22.213")
                #expect(none.status == 0 && none.output.contains("No machine"), "\(none)")
                #expect(try await kbs("--under", "rome=1").status == 2)
                #expect(try await kbs("--since", "soon").status == 64)
                let json = try await kbs("--json")
                #expect(json.status == 0 && json.output.contains("\"reported_tcb\" : \"\(Simulated.tcb)\""), "\(json)")
            }
        }
    }

    @Test("Certificates of the fleet are fetched for a new TCB; what is at hand is not asked for, nor what is denied")
    func warm() async throws {
        let snp = try Simulated.snp
        let next = TCBVersion(bootLoader: 4, tee: 0, snp: 23, microcode: 214)
        let new = try snp.vcek(tcb: next).certificate
        let state = KDSState()
        try await StandInService.run(answering: { path, _ in
            guard !state.isAway else { return StandInService.status(503, retryAfter: "900") }
            if path.contains("cert_chain") { return StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) }
            return path.contains("snpSPL=23&ucodeSPL=214") ? StandInService.bytes(new.der) : StandInService.status(404)
        }) { vendor, base in
            try await RunningServer.run { server in
                try await server.register("app")
                _ = try await Simulated.guest("app").boot(over: server.transport)
                let folder = try TemporaryFolder()
                let roots = folder.file("roots.json")
                try JSONEncoder().encode(Simulated.roots).write(to: roots)
                let data = server.settings.dataFolder.path
                func warm(_ arguments: String...) async throws -> Command.Result {
                    try await Command.runAll(
                        ["endorsements", "warm"] + arguments + [
                            "--data", data, "--trust-simulated-root", roots.path, "--endorsements-kds", base,
                        ])
                }
                let same = try await warm("--fleet")
                #expect(same.status == 0 && same.output.contains("0 fetched, 1 were at hand"), "\(same)")
                #expect(vendor.asked.isEmpty)
                let first = try await warm("--fleet", "--tcb", "milan=\(next)")
                #expect(first.status == 0 && first.output.contains("1 fetched, 0 were at hand"), "\(first)")
                #expect(first.output.contains("at TCB 04.00.23.214"))
                let asked = vendor.asked.count
                let fleet = try await Command.run("fleet", "--json", "--url", server.base)
                let file = folder.file("fleet.json")
                try Data(fleet.output.utf8).write(to: file)
                let again = try await warm("--from", file.path, "--tcb", "milan=\(next)")
                #expect(again.status == 0 && again.output.contains("0 fetched, 1 were at hand"), "\(again)")
                #expect(vendor.asked.count == asked)
                let unknown = try await warm("--fleet", "--tcb", "milan=04.00.24.214")
                #expect(unknown.status == 1 && unknown.output.contains("does not know it"), "\(unknown)")
                state.isAway = true
                let away = try await warm("--fleet", "--tcb", "milan=04.00.25.214")
                #expect(away.status == 3 && away.output.contains("1 not asked for"), "\(away)")
                #expect(away.errors.contains("answered 503") && away.errors.contains("asks to wait"), "\(away)")
                #expect(try await warm("--fleet", "--tcb", "genoa=10.00.23.25").output.hasPrefix("0 fetched, 0 were"))
                let chip = Hex.encode(snp.chipID)
                _ = try await Command.run("endorsements", "deny", "chip", chip, "--reason", "leaked", "--data", data)
                let before = vendor.asked.count
                let denied = try await warm("--fleet", "--tcb", "milan=04.00.26.214")
                #expect(denied.status == 1 && denied.output.contains("is denied"), "\(denied)")
                #expect(vendor.asked.count == before)
                for wrong in [[], ["--fleet", "--from", "x"], ["--fleet", "--tcb", "milan"], ["--from", roots.path]] {
                    let refused = try await Command.runAll(["endorsements", "warm"] + wrong + ["--data", data])
                    #expect([2, 64].contains(refused.status), "\(wrong) \(refused)")
                }
            }
        }
    }
}

/// Whether the stand-in of the vendor answers.
private final class KDSState: Sendable {
    private let away = Lock(false)
    var isAway: Bool {
        get { away.withLock { $0 } }
        set { away.withLock { $0 = newValue } }
    }
}
