import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import Installation
import SimulatedHardware
import TestSupport
import Testing

@Suite("Endorsements, on the command line and over the API")
struct EndorsementCommandTests {
    @Test("What is imported is listed, exported, imported elsewhere, and removed; on a data folder and on a server")
    func roundTrip() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let vlek = try snp.vlek(tcb: Simulated.tcb, validFor: 7).certificate
        let folder = try TemporaryFolder()
        let roots = folder.file("roots.json")
        try JSONEncoder().encode(Simulated.roots).write(to: roots)
        let source = folder.file("source")
        try FileManager.default.createDirectory(at: source, withIntermediateDirectories: true)
        let pem = [vcek, vlek, snp.ask, snp.asvk, snp.ark].map(\.pem).joined()
        try Data(pem.utf8).write(to: source.appending(path: "all.pem"))
        let server = try await ServerProcess.start(folder)
        let data = folder.file("data").path
        let made = try await Command.run("token", "create", "--role", "admin", "--data", data)
        let environment = ["KBS_TOKEN": made.output.trimmingCharacters(in: .whitespacesAndNewlines)]
        func kbs(_ arguments: [String]) async throws -> Command.Result {
            try await Command.runAll(["endorsements"] + arguments, environment: environment)
        }
        func place(_ trusted: String) -> [String] { ["--data", trusted, "--trust-simulated-root", roots.path] }
        #expect(try await kbs(["list", "--data", data]).output == "Nothing is kept.\n")
        let imported = try await kbs(["import", source.path] + place(data))
        #expect(imported.status == 0, "\(imported.errors)")
        var lists: [String] = []
        for (number, place) in [["--data", data], ["--url", server.base]].enumerated() {
            let list = try await kbs(["list"] + place)
            #expect(list.output.contains("vcek/Milan/\(Hex.encode(snp.chipID))/\(Simulated.tcb)"), "\(list.errors)")
            #expect(list.output.contains(Hex.encode(vcek.publicKeyFingerprint)), "what it is denied by")
            #expect(list.output.contains("authority/vlek/Milan") && list.output.contains("vlek/Milan/any/"))
            lists.append(list.output)
            let target = folder.file("export\(number)").path
            let exported = try await kbs(["export", target] + place)
            #expect(exported.status == 0 && exported.output == "Wrote 4 files.\n", "\(exported.errors)")
            #expect(try await kbs(["export", target] + place).output == "Wrote 4 files.\n", "the same again")
            // It is a folder as endorsements.folder reads it.
            let other = folder.file("other\(number)").path
            let again = try await Command.runAll(
                ["endorsements", "import", target, "--data", other, "--trust-simulated-root", roots.path])
            #expect(again.status == 0 && again.output.split(separator: "\n").count == 4, "\(again.output)")
            let names = { (text: String) in
                Set(text.split(separator: "\n").compactMap { $0.split(separator: " ").last })
            }
            #expect(names(try await kbs(["list", "--data", other]).output) == names(list.output))
        }
        #expect(lists[0] == lists[1])
        let fingerprint = Hex.encode(vcek.fingerprint)
        #expect(try await kbs(["remove", fingerprint, "--url", server.base]).status == 0)
        #expect(try await kbs(["remove", fingerprint, "--data", data]).status == 5)
        #expect(try await kbs(["remove", "c0ffee", "--data", data]).status == 2)
        #expect(try await !kbs(["list", "--data", data]).output.contains("vcek/Milan/\(Hex.encode(snp.chipID))"))
    }

    @Test("A document is read over the API, with what is above it")
    func api() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            let list = try await server.call("GET", "/api/v1/endorsements?limit=1")
            let page = try #require((list.json["endorsements"] as? [[String: Any]])?.first)
            #expect(page["kind"] as? String == "certificate" && page["good_until"] is String)
            let next = try #require(list.json["next"] as? String)
            let rest = try await server.call("GET", "/api/v1/endorsements?after=\(next)")
            #expect((rest.json["endorsements"] as? [Any])?.count == 1, "a key, and what is above it")
            let snp = try Simulated.snp
            let path = "/api/v1/endorsements/\(Hex.encode(snp.ask.fingerprint))"
            let read = try await server.call("GET", path)
            #expect(read.json["document"] as? String == Data(snp.ask.der).base64EncodedString())
            #expect(read.json["issuers"] as? [String] == [Data(snp.ark.der).base64EncodedString()])
            #expect(try await server.call("DELETE", path).status == 204)
            #expect(try await server.call("GET", path).problem == "not_found")
            #expect(try await server.call("GET", "/api/v1/endorsements/x").problem == "invalid_field")
            #expect(try await server.call("PUT", path).status == 405)
        }
    }
}
