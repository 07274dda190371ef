import Administration
import Broker
import BrokerSupport
import Bytes
import Crypto
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import Installation
import MasterKeys
import Server
import SimulatedHardware
import TestSupport
import Testing

@Suite("Denials, over a socket")
struct DenialTests {
    private func chipPath() throws -> String { "/api/v1/denials/chip/\(Hex.encode(try Simulated.snp.chipID))" }
    private func keyPath(_ key: [UInt8]) -> String { "/api/v1/denials/key/\(Hex.encode(key))" }
    private let leaked = #"{"reason":"leaked"}"#

    @Test("libkrun's guest is refused at once, at attest and at release, and again let in")
    func libkrun() async throws {
        try await RunningServer.run { server in
            try await server.register("app", secret: "sesame")
            let guest = try Simulated.guest("app")
            let open = try await guest.challenge(over: server.transport)
            try await guest.attest(open, over: server.transport)
            for path in [try chipPath(), keyPath(try Simulated.vcek.certificate.publicKeyFingerprint)] {
                let denied = try await server.call("PUT", path, leaked)
                #expect(denied.status == 200 && denied.json["reason"] as? String == "leaked", "\(denied.body)")
                let release = await #expect(throws: GuestTransport.Refused.self) {
                    _ = try await guest.fetchKey(cookie: open.cookie, over: server.transport)
                }
                #expect(release?.text.hasPrefix("evidence_refused: ") == true)
                let attest = await #expect(throws: GuestTransport.Refused.self) {
                    _ = try await guest.boot(over: server.transport)
                }
                #expect(attest?.text.contains("[snp.denied]") == true)
                #expect((attest?.text.utf8.count ?? 0) <= 199)
                let metrics = try await server.send("GET", "/metrics")
                #expect(metrics.body.contains(#"check="snp.denied""#))
                #expect(try await server.call("DELETE", path).status == 204)
                #expect(try await guest.fetchKey(cookie: open.cookie, over: server.transport) == Array("sesame".utf8))
            }
            #expect(try await guest.boot(over: server.transport) == Array("sesame".utf8))
            #expect(server.log.lines.contains { $0.contains("Denied.") })
        }
    }

    @Test("An SEV host gets no channel")
    func sev() async throws {
        try await RunningServer.run { server in
            try await server.registerSEV("vm", secret: "sesame")
            let platform = try Simulated.sev
            let guest = SimulatedSEVGuest(workload: "vm", on: platform, digest: Simulated.digest("vm"))
            _ = try await guest.boot(over: server.transport)
            let path = "/api/v1/denials/chip/\(Hex.encode(platform.chain.chipFingerprint))"
            #expect(try await server.call("PUT", path, leaked).status == 200)
            let refused = await #expect(throws: GuestTransport.Refused.self) {
                _ = try await guest.boot(over: server.transport)
            }
            #expect(refused?.text.contains("[sev.denied]") == true)
            #expect(try await server.call("DELETE", path).status == 204)
            _ = try await guest.boot(over: server.transport)
        }
    }

    @Test("A guest component is refused at once, at attest and at release, with a cookie and with a token")
    func guestComponents() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let guest = try server.components()
            let challenge = try await guest.challenge()
            let token = try await guest.attest(challenge)
            _ = try await guest.fetch("default/key/1", cookie: challenge.cookie)
            for path in [try chipPath(), keyPath(try Simulated.snp.ask.publicKeyFingerprint)] {
                #expect(try await server.call("PUT", path, leaked).status == 200)
                for body in [
                    { _ = try await guest.fetch("default/key/1", cookie: challenge.cookie) },
                    { _ = try await guest.fetch("default/key/1", token: token) },
                    { _ = try await guest.attest(challenge) },
                    { _ = try await guest.attest(try await guest.challenge()) },
                ] as [() async throws -> Void] {
                    let refused = try await refusal(body)
                    #expect(refused.status == 403 && refused.body.contains("[snp.denied]"), "\(refused)")
                }
                #expect(try await server.call("DELETE", path).status == 204)
            }
            let again = try await guest.fetch("default/key/1", token: token)
            #expect(again == Array("a key".utf8))
        }
    }

    @Test("What one server denies the other denies at once")
    func replicas() async throws {
        let database = try await PostgreSQLCluster.shared.newStoreDatabase()
        let url = try await PostgreSQLCluster.shared.uri(database)
        let folder = try TemporaryFolder()
        let key = folder.file("master.key")
        try KeyFile(key).write([SymmetricKey(size: .bits256)])
        func settings(_ settings: inout Settings) {
            settings.storage.url = url
            settings.masterKeys.master = .file(key)
        }
        try await RunningServer.run(settings) { one in
            try await RunningServer.run(settings) { other in
                try await one.register("app")
                try await one.put("default/key/1")
                let guest = try Simulated.guest("app")
                let open = try await guest.challenge(over: other.transport)
                try await guest.attest(open, over: other.transport)
                let component = try other.components()
                let challenge = try await component.challenge()
                _ = try await component.attest(challenge)
                #expect(try await one.call("PUT", chipPath(), leaked).status == 200)
                await #expect(throws: GuestTransport.Refused.self) {
                    _ = try await guest.fetchKey(cookie: open.cookie, over: other.transport)
                }
                let refused = try await refusal {
                    _ = try await component.fetch("default/key/1", cookie: challenge.cookie)
                }
                #expect(refused.status == 403)
                #expect(try await other.call("DELETE", chipPath()).status == 204)
                _ = try await guest.fetchKey(cookie: open.cookie, over: one.transport)
            }
        }
    }

    @Test("Denials are listed and changed over the API, by whom they may be, and only what names a chip or a key")
    func api() async throws {
        try await RunningServer.run { server in
            let admin = try await server.token(.admin)
            let (registrar, auditor) = (try await server.token(.registrar), try await server.token(.auditor))
            let path = try chipPath()
            for token in [registrar, auditor] {
                #expect(try await server.call("PUT", path, leaked, token: token).problem == "forbidden")
                #expect(try await server.call("DELETE", path, token: token).problem == "forbidden")
            }
            #expect(try await server.call("GET", "/api/v1/denials", token: registrar).problem == "forbidden")
            #expect(try await server.call("PUT", path, leaked).problem == "unauthenticated")
            #expect(
                try await server.call(
                    "PUT", path.uppercased().replacing("/API/V1/DENIALS/CHIP", with: "/api/v1/denials/chip"), leaked,
                    token: admin
                ).status == 200)
            #expect(try await server.call("PUT", path, #"{"reason":"another"}"#, token: admin).status == 200)
            let key = keyPath([UInt8](repeating: 1, count: 32))
            #expect(try await server.call("PUT", key, leaked, token: admin).status == 200)
            let page = try await server.call("GET", "/api/v1/denials?limit=1", token: auditor)
            let first = (page.json["denials"] as? [[String: Any]])?.first
            #expect(first?["kind"] as? String == "chip" && first?["reason"] as? String == "another")
            #expect((first?["actor"] as? String)?.hasPrefix("token:") == true && first?["denied"] is String)
            let next = try #require(page.json["next"] as? String)
            let rest = try await server.call("GET", "/api/v1/denials?after=\(next)", token: auditor)
            #expect((rest.json["denials"] as? [[String: Any]])?.map { $0["kind"] as? String } == ["key"])
            for (method, path, body, problem) in [
                ("PUT", "/api/v1/denials/chip/00", leaked, "invalid_field"),
                ("PUT", "/api/v1/denials/chip/" + String(repeating: "0", count: 128), leaked, "invalid_field"),
                ("PUT", "/api/v1/denials/key", leaked, "invalid_field"),
                ("PUT", "/api/v1/denials/other/" + String(repeating: "a", count: 64), leaked, "invalid_field"),
                ("PUT", path, "{}", "malformed"), ("PUT", path, #"{"reason":""}"#, "invalid_field"),
                ("DELETE", keyPath([UInt8](repeating: 2, count: 32)), "", "not_found"),
            ] {
                let reply = try await server.call(method, path, body, token: admin)
                #expect(reply.problem == problem, "\(method) \(path): \(reply.body)")
            }
            #expect(try await server.call("POST", "/api/v1/denials", leaked, token: admin).status == 405)
        }
    }

    @Test("A beginning of a chip's id, as lists show it, denies nothing and ends nothing, and the whole id is named")
    func beginnings() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            let chip = Hex.encode(try Simulated.snp.chipID)
            let beginning = String(chip.prefix(16))
            for (method, path, body) in [
                ("PUT", "/api/v1/denials/chip/\(beginning)", leaked),
                ("GET", "/api/v1/sessions?chip=\(beginning)", ""),
                ("DELETE", "/api/v1/sessions?chip=\(beginning)", ""),
            ] {
                let reply = try await server.call(method, path, body)
                #expect(reply.problem == "invalid_field" && reply.body.contains(chip), "\(reply.body)")
            }
            #expect(
                try await server.call(
                    "PUT", "/api/v1/denials/chip/\(beginning)", #"{"reason":"leaked","whole":true}"#
                ).status == 200)
            #expect(try await server.call("DELETE", "/api/v1/sessions?chip=\(chip)").json["ended"] as? Int == 1)
            #expect(server.log.lines.contains { $0.contains("Attested.") && $0.contains(chip) })
        }
    }

    @Test("On the command line: by id, by fingerprint, by file; on a data folder and on a server")
    func commands() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let data = folder.file("data").path
        let made = try await Command.run("token", "create", "--role", "admin", "--data", data)
        let environment = ["KBS_TOKEN": made.output.trimmingCharacters(in: .whitespacesAndNewlines)]
        func kbs(_ arguments: [String]) async throws -> Command.Result {
            try await Command.runAll(["endorsements"] + arguments, environment: environment)
        }
        let transport = GuestTransport(base: server.base, client: .shared)
        let registered = try await Command.run(
            "workload", "add", "app", "--measurement", Hex.encode(Simulated.measurement("app")), "--data", data,
            input: "s")
        #expect(registered.status == 0, "\(registered.errors)")
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let file = folder.file("vcek.pem")
        try Data(vcek.pem.utf8).write(to: file)
        let ways = [
            ["chip", Hex.encode(snp.chipID).uppercased()], ["key", Hex.encode(vcek.publicKeyFingerprint)],
            ["certificate", file.path],
        ]
        for place in [["--data", data], ["--url", server.base]] {
            let none = try await kbs(["denied"] + place)
            #expect(none.output == "Nothing is denied.\n", "\(none.errors)")
            for way in ways {
                let denied = try await kbs(["deny"] + way + ["--reason", "leaked"] + place)
                #expect(denied.status == 0 && denied.output.hasPrefix("Denied the "), "\(denied.errors)")
                await #expect(throws: GuestTransport.Refused.self, "\(way)") {
                    _ = try await Simulated.guest("app").boot(over: transport)
                }
                let list = try await kbs(["denied"] + place)
                #expect(list.output.contains("KIND") && list.output.contains("  leaked\n"), "\(list.output)")
                let json = try await kbs(["denied", "--json"] + place)
                #expect(json.output.contains(#""reason" : "leaked""#), "\(json.output)")
                let allowed = try await kbs(["allow"] + way + place)
                #expect(allowed.status == 0 && allowed.output.hasPrefix("Allowed the "), "\(allowed.errors)")
                let again = try await kbs(["allow"] + way + place)
                #expect(again.status == 5 && again.errors.contains("is not denied"), "\(again.errors)")
            }
            #expect(try await Simulated.guest("app").boot(over: transport) == Array("s".utf8))
        }
        let beginning = try await kbs(
            ["deny", "chip", String(Hex.encode(snp.chipID).prefix(16)), "--reason", "leaked", "--data", data])
        #expect(beginning.status == 2 && beginning.errors.contains(Hex.encode(snp.chipID)), "\(beginning.errors)")
        let sessions = try await Command.run("sessions", "--data", data)
        #expect(sessions.output.contains(Hex.encode(snp.chipID)), "the list to copy the id from: \(sessions.output)")
        let withoutReason = try await kbs(["deny"] + ways[0] + ["--data", data])
        #expect(withoutReason.status == 64)
        let unusable = try await kbs(["deny", "chip", "c0ffee", "--reason", "leaked", "--data", data])
        #expect(unusable.status == 2 && unusable.errors.contains("it has 3 bytes"), "\(unusable.errors)")
    }

    @Test("An import, and a fetch, of what is denied takes nothing")
    func importing() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let folder = try TemporaryFolder()
        let data = folder.file("data").path
        let roots = folder.file("roots.json")
        try JSONEncoder().encode(Simulated.roots).write(to: roots)
        let certificates = folder.file("certificates")
        try FileManager.default.createDirectory(at: certificates, withIntermediateDirectories: true)
        try Data((snp.ask.pem + snp.ark.pem + vcek.pem).utf8).write(to: certificates.appending(path: "all.pem"))
        func kbs(_ arguments: String...) async throws -> Command.Result {
            try await Command.runAll(arguments + ["--data", data])
        }
        let make = try await kbs("endorsements", "import", certificates.path)
        #expect(make.status == 1, "the folder is made, and nothing leads to AMD's roots")
        let chip = Hex.encode(snp.chipID)
        #expect(try await kbs("endorsements", "deny", "chip", chip, "--reason", "leaked").status == 0)
        let imported = try await kbs(
            "endorsements", "import", certificates.path, "--trust-simulated-root", roots.path)
        #expect(imported.status == 0 && imported.output.contains("imported the Milan VCEK chain"))
        #expect(imported.output.contains("refused  the Milan VCEK") && imported.output.contains("is denied"))
        #expect(try await kbs("endorsements", "denied").output.contains(chip))
        try await StandInService.run(answering: { path, _ in
            path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }) { _, base in
            let fetched = try await kbs(
                "endorsements", "fetch", "--endorsements-kds", base, "--product", "milan", "--chip", chip, "--tcb",
                "\(Simulated.tcb)", "--trust-simulated-root", roots.path)
            #expect(fetched.status == 2 && fetched.errors.contains("is denied"), "\(fetched.errors)")
        }
        let ask = Hex.encode(snp.ask.publicKeyFingerprint)
        #expect(try await kbs("endorsements", "deny", "key", ask, "--reason", "leaked").status == 0)
        let nothing = try await kbs(
            "endorsements", "import", certificates.path, "--trust-simulated-root", roots.path)
        #expect(nothing.status == 1 && nothing.output.contains("refused  the Milan VCEK chain"))
    }
}
