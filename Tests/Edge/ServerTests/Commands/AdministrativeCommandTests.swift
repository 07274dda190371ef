import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

@Suite("The command line of administration")
struct AdministrativeCommandTests {
    /// Returns once a server has signed its first checkpoint, beside what else it does at its start.
    private func firstCheckpoint(in folder: TemporaryFolder) async throws {
        let file = CheckpointFile(folder.file("data/checkpoints"))
        while try file.read().isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    }

    @Test("With a token an operator does everything over HTTP, and without one nothing")
    func remote() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let data = folder.file("data").path
        let made = try await Command.run("token", "create", "--role", "admin", "--data", data, "--description", "ops")
        #expect(made.status == 0 && made.errors.contains("shown this once"))
        let token = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let environment = ["KBS_URL": server.base, "KBS_TOKEN": token]
        func kbs(_ arguments: String..., input: String = "") async throws -> Command.Result {
            try await Command.runAll(arguments, input: input, environment: environment)
        }
        let denied = try await Command.run("workload", "list", environment: ["KBS_URL": server.base])
        #expect(denied.status != 0 && denied.errors.contains("unauthenticated"))
        let measurement = Hex.encode(Simulated.measurement("team/app"))
        #expect(
            try await kbs("workload", "add", "team/app", "--measurement", measurement, input: "sesame\n").status == 0)
        var guest = try Simulated.guest("team/app")
        let transport = GuestTransport(base: server.base, client: .shared)
        #expect(try await guest.boot(over: transport) == Array("sesame".utf8))
        guest.template.vmpl = 2
        await #expect(throws: GuestTransport.Refused.self) { _ = try await guest.boot(over: transport) }

        let attempts = try await kbs("attempts", "--refused")
        #expect(attempts.output.contains("team/app") && attempts.output.contains("snp.vmpl"))
        let id = try #require(attempts.output.split(separator: "\n").last?.split(separator: " ").first)
        let shown = try await kbs("attempts", "show", String(id))
        #expect(shown.output.contains("failed    snp.vmpl") && shown.output.contains("found    2"))

        let file = folder.file("evidence.json")
        try Data(guest.evidence(for: "00")).write(to: file)
        let tested = try await kbs("workload", "test", "team/app", "--evidence", file.path)
        #expect(tested.status == 1 && tested.output.contains("Genuine, but refused: snp.vmpl."))
        guest.template.vmpl = 0
        try Data(guest.evidence(for: "00")).write(to: file)
        #expect(try await kbs("workload", "test", "team/app", "--evidence", file.path).status == 0)

        #expect(try await kbs("sessions").output.contains("team/app"))
        #expect(try await kbs("sessions", "end", "--workload", "team/app").output == "Ended 1 session.\n")
        #expect(try await kbs("sessions", "end").status != 0, "nobody ends all by mistake")
        #expect(try await kbs("workload", "disable", "team/app").status == 0)
        #expect(try await kbs("workload", "list", "--search", "eam/").output.contains("disabled"))
        await #expect(throws: GuestTransport.Refused.self) { _ = try await guest.boot(over: transport) }
        #expect(try await kbs("workload", "enable", "team/app").status == 0)
        #expect(try await guest.boot(over: transport) == Array("sesame".utf8))
        let status = try await kbs("status").output
        #expect(status.contains("workloads  1") && status.contains("openssl 3."))
        #expect(try await kbs("token", "list").output.contains("ops"))
        let own = String(token.dropFirst(4).prefix(12))
        #expect(try await kbs("token", "revoke", own).status == 0)
        #expect(try await kbs("status").status != 0)
        for result in [made, attempts, shown, tested] { #expect(!(result.errors + attempts.output).contains("sesame")) }
    }

    @Test("The trail is verified against the server's own checkpoints and ones that were kept elsewhere")
    func audit() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let data = folder.file("data").path
        let transport = GuestTransport(base: server.base, client: .shared)
        try await transport.register(
            "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
        _ = try await Simulated.guest("app").boot(over: transport)
        let kept = folder.file("kept")
        try await firstCheckpoint(in: folder)
        let checkpoint = try await Command.run("audit", "checkpoint", "--data", data)
        try Data(checkpoint.output.utf8).write(to: kept)
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))

        let intact = try await Command.run("audit", "verify", "--data", data)
        #expect(intact.status == 0 && intact.output.contains("The trail is intact: 5 records"), "\(intact.output)")
        #expect(!intact.output.contains(" 0 checkpoints"), "one was signed at the end")
        #expect(try await Command.run("audit", "verify", "--data", data, "--checkpoints", kept.path).status == 0)
        let key = String(repeating: "0", count: 64)
        let foreign = try await Command.run("audit", "verify", "--data", data, "--public-key", key)
        #expect(foreign.status == 1 && foreign.output.contains("is not signed by the key"))
        let export = try await Command.run("audit", "export", "--data", data)
        #expect(export.output.split(separator: "\n").count == 5)
        let records = try await Command.run("audit", "export", "--records", "--after", "4", "--data", data)
        #expect(records.output.hasPrefix(#"{"action":"server.stop""#))

        let store = try SQLiteStore(file: folder.file("data").appending(path: "kbs.sqlite"))
        try store.tamper("DELETE FROM audit WHERE seq = 5")
        let cut = try await Command.run("audit", "verify", "--data", data)
        #expect(cut.status == 1 && cut.output.contains("The trail ends at record 4"))
        try store.tamper("UPDATE audit SET record = replace(record, 'guest', 'gäst') WHERE seq = 3")
        let edited = try await Command.run("audit", "verify", "--data", data)
        #expect(edited.status == 1 && edited.output.contains("Record 3 is not what was written"))
        try store.close()
    }

    @Test("Nothing to compare the trail with is a fault where there should be something")
    func nothingToCompare() async throws {
        let folder = try TemporaryFolder()
        let data = folder.file("data").path
        try await BrokerAssembly(folder.file("data")).store.close()
        func verify(_ arguments: String...) async throws -> Command.Result {
            try await Command.runAll(["audit", "verify", "--data", data] + arguments)
        }
        let key = try #require(
            try await Command.run("audit", "checkpoint", "--data", data).output
                .firstMatch(of: /"public_key":"([0-9a-f]{64})"/)?.1)
        let fresh = try await verify()
        #expect(fresh.status == 0 && fresh.output.contains(" 0 checkpoints"), "no server has run: \(fresh)")
        let unused = try await verify("--public-key", String(key))
        #expect(unused.status == 2 && unused.errors.contains("could check"), "\(unused)")

        let (missing, empty, kept) = (folder.file("missing"), folder.file("empty"), folder.file("kept"))
        try Data().write(to: empty)
        for file in [missing, empty] {
            let nothing = try await verify("--checkpoints", file.path)
            #expect(nothing.status == 2 && nothing.errors.contains("\(file.path) is not there, or holds"), "\(nothing)")
        }
        let server = try await ServerProcess.start(folder)
        try await firstCheckpoint(in: folder)
        let line = try await Command.run("audit", "checkpoint", "--data", data).output
        server.send(signal: SIGTERM)
        #expect(try await server.ends(within: .seconds(60)))
        try Data(line.utf8).write(to: kept)
        #expect(try await verify("--checkpoints", kept.path, "--checkpoints", missing.path).status == 2)
        try Data(line.utf8.dropLast()).write(to: kept)
        let unended = try await verify("--checkpoints", kept.path, "--public-key", String(key))
        #expect(unended.status == 0 && unended.output.contains(" 1 checkpoints"), "a line without its end: \(unended)")

        let own = folder.file("data").appending(path: "checkpoints")
        #expect(try await verify().status == 0)
        try Data().write(to: own)
        #expect(try await verify().status == 1)
        try FileManager.default.removeItem(at: own)
        let gone = try await verify()
        #expect(gone.status == 1 && gone.output.contains("are missing"), "\(gone)")
    }

    @Test("A server whose checkpoints are missing or foreign says so until an operator accepts the trail")
    func accept() async throws {
        let folder = try TemporaryFolder()
        let first = try await ServerProcess.start(folder)
        first.send(signal: SIGTERM)
        #expect(try await first.ends(within: .seconds(120)))
        let data = folder.file("data").path
        let file = folder.file("data").appending(path: "checkpoints")
        // What a full disk leaves of a line does not count, and is written over.
        let whole = try Data(contentsOf: file)
        try (whole + Data(#"{"hash":"00"#.utf8)).write(to: file)
        let torn = try await ServerProcess.start(folder)
        #expect(!torn.log.contains("THE AUDIT TRAIL"))
        torn.send(signal: SIGTERM)
        #expect(try await torn.ends(within: .seconds(120)))
        #expect(try await Command.run("audit", "verify", "--data", data).status == 0)

        try FileManager.default.removeItem(at: file)
        let second = try await ServerProcess.start(folder)
        #expect(second.log.contains("are missing") && second.log.contains("kbs audit accept"))
        second.send(signal: SIGTERM)
        #expect(try await second.ends(within: .seconds(120)))
        #expect(!FileManager.default.fileExists(atPath: file.path), "it does not sign over it by itself")
        let remote = try await Command.run("audit", "accept", "--url", second.base, "--data", data)
        #expect(remote.status == 64 && remote.errors.contains("works on the server's data folder"), "\(remote)")
        #expect(!FileManager.default.fileExists(atPath: file.path))
        let accepted = try await Command.run("audit", "accept", "--data", data)
        #expect(accepted.status == 0 && accepted.output.contains("The trail is accepted"), "\(accepted.errors)")
        let third = try await ServerProcess.start(folder)
        #expect(!third.log.contains("THE AUDIT TRAIL"))
        let trail = try await Command.run("audit", "export", "--records", "--data", data)
        #expect(trail.output.contains("trail.accept"))
    }

    @Test("A server whose trail was cut says so at its start, and is not ready")
    func cutTrail() async throws {
        let folder = try TemporaryFolder()
        let first = try await ServerProcess.start(folder)
        let transport = GuestTransport(base: first.base, client: .shared)
        try await transport.register(
            "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
        first.send(signal: SIGTERM)
        #expect(try await first.ends(within: .seconds(60)))
        let store = try SQLiteStore(file: folder.file("data").appending(path: "kbs.sqlite"))
        try store.tamper("DELETE FROM audit WHERE seq > 1")
        try store.close()
        let second = try await ServerProcess.start(folder)
        #expect(second.log.contains("THE AUDIT TRAIL IS NOT WHAT IT WAS"))
        let ready = try await HTTP1Client.shared.execute(
            HTTPClientRequest(url: second.base + "/readyz"), timeout: .seconds(60))
        #expect(ready.status.code == 503)
        #expect(ready.text.contains("failed trail"))
    }

    @Test("Without a URL the server of the settings is asked for its status, and one with TLS must be named")
    func ownStatus() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let file = folder.file("kbs.toml")
        try Data("listen = \"127.0.0.1:\(server.port)\"\ninsecure_admin = true\n".utf8).write(to: file)
        let status = try await Command.run("status", "--config", file.path)
        #expect(status.status == 0 && status.output.contains("version"), "\(status.errors)")
        try Data("tls.certificate = \"a.crt\"\ntls.key = \"a.key\"\n".utf8).write(to: file)
        let named = try await Command.run("status", "--config", file.path)
        #expect(named.status == 2 && named.errors.contains("--url https://NAME:8080"), "\(named.errors)")
    }
}
