import Broker
import BrokerSupport
import Bytes
import EvidenceSupport
import Foundation
import SimulatedHardware
import Storage
import TestSupport
import Testing

@testable import Server

@Suite("What a change would mean for the guests that were seen")
struct ImpactTests {
    private func measurements(_ names: String...) -> String {
        "[snp]\nmeasurements = [" + names.map { "\"\(Hex.encode(Simulated.measurement($0)))\"" }.joined(separator: ", ")
            + "]"
    }

    private func ask(_ body: [String: Any], of server: RunningServer) async throws -> RunningServer.Reply {
        let json = String(decoding: try JSONSerialization.data(withJSONObject: body), as: UTF8.self)
        return try await server.call("POST", "/api/v1/impacts", json)
    }

    /// Two images, one of them seen twice.
    private func see(_ server: RunningServer) async throws {
        for name in ["old", "new", "new"] {
            let guest = try server.components(name)
            _ = try await guest.attest(try await guest.challenge())
        }
    }

    @Test("Who keeps, loses and gains is said by image and check; the old policy counts, and nothing is changed")
    func policy() async throws {
        try await RunningServer.run { server in
            try await see(server)
            let new = try await ask(["policy_document": measurements("new")], of: server)
            #expect(
                new.json["gained"] as? Int == 1 && new.json["lost"] as? Int == 0 && new.json["refused"] as? Int == 1)
            let guests = try #require(new.json["guests"] as? [[String: Any]])
            #expect(guests.first?["measurement"] as? String == Hex.encode(Simulated.measurement("new")))
            #expect(guests.first?["count"] as? Int == 2 && guests.first?["change"] as? String == "gained")
            try await server.setPolicy("web", measurements("old", "new"))
            let later = try await ask(["policy_document": measurements("new"), "policy": "web"], of: server)
            #expect(later.json["kept"] as? Int == 1 && later.json["lost"] as? Int == 1)
            let lost = try #require((later.json["guests"] as? [[String: Any]])?.first)
            #expect(lost["failed"] as? [String] == ["policy.measurement"] && lost["advice"] is String)
            #expect(new.json["policy"] == nil && later.json["policy"] as? String == "web")
            let open = try await ask(
                ["policy_document": measurements("new") + "\n[init_data]\n\"aa.toml\" = \"x\""], of: server)
            #expect(open.json["passed_over"] as? [String] == ["init_data"] || open.status == 400)
            let kept = try await server.call("GET", "/api/v1/policies/web").json["document"] as? String
            #expect(kept == measurements("old", "new"))
        }
    }

    @Test("On the command line a policy that is not there is no clear: an error by name, and told by a file's name")
    func unknownPolicy() async throws {
        let folder = try TemporaryFolder()
        let (data, draft) = (folder.file("data").path, folder.file("web.toml"))
        try Data(measurements("new").utf8).write(to: draft)
        let made = try await Command.run("policy", "set", "other", draft.path, "--data", data)
        #expect(made.status == 0, "\(made.errors)")
        func impact(_ arguments: String...) async throws -> Command.Result {
            try await Command.runAll(
                ["policy", "impact"] + arguments + ["--data", data], input: measurements("new"))
        }
        let unknown = try await impact(draft.path, "--name", "mlian")
        #expect(unknown.status == 5 && unknown.errors.contains("no policy mlian"), "\(unknown.errors)")
        let byFile = try await impact(draft.path)
        #expect(byFile.status == 0 && byFile.errors.contains("no policy web: compared with nothing"))
        let input = try await impact("-")
        #expect(input.status == 0 && input.errors.contains("compared with nothing"))
        let known = try await impact(draft.path, "--name", "other")
        #expect(known.status == 0 && known.errors.isEmpty, "\(known.errors)")
        #expect(try await impact("--set", "snp.vmpl=1", "--name", "mlian").status == 64)
    }

    @Test("A change of reference values is evaluated by each policy that names them, for when all its effect has come")
    func references() async throws {
        try await RunningServer.run { server in
            try await see(server)
            let (old, new) = (Hex.encode(Simulated.measurement("old")), Hex.encode(Simulated.measurement("new")))
            func set(_ values: String...) -> [String: Any] { ["kind": "measurement", "values": values] }
            func impact(_ change: [String: Any], of name: String = "web") async throws -> RunningServer.Reply {
                try await ask(change.merging(["reference_values": name]) { $1 }, of: server)
            }
            for (name, values) in [
                ("web", #"["\#(old)","\#(new)"]"#), ("other", #"["\#(new)"]"#), ("none", #"["\#(old)"]"#),
            ] {
                let body = #"{"kind":"measurement","values":\#(values)}"#
                #expect(try await server.call("PUT", "/api/v1/reference-values/\(name)", body).status == 201)
            }
            try await server.setPolicy("first", "[snp]\nmeasurements = [\"@web\"]")
            try await server.setPolicy("second", "[snp]\nmeasurements = [\"@web\"]\nvmpl = 0")
            try await server.setPolicy("third", "[snp]\nmeasurements = [\"@other\"]")
            let before = try await server.call("GET", "/api/v1/reference-values/web")

            let replaced = try await impact(["replacement": set(new)])
            #expect(replaced.json["lost"] as? Int == 1 && replaced.json["kept"] as? Int == 1, "\(replaced)")
            let lost = try #require((replaced.json["guests"] as? [[String: Any]])?.first)
            #expect(lost["measurement"] as? String == old && lost["policies"] as? [String] == ["first", "second"])
            #expect(lost["failed"] as? [String] == ["policy.measurement"])

            // The old value counts for another hour, and not when that is over.
            let later = try await impact(["replacement": set(new).merging(["keep_previous": 3_600]) { $1 }])
            #expect(later.json["lost"] as? Int == 1)
            let effective = try #require(later.json["effective"] as? String)
            #expect(try #require(ISO8601DateFormatter().date(from: effective)) > Date(timeIntervalSinceNow: 3_000))

            let retired = try await impact(["retirement": ["values": [new], "after": 0]])
            let guest = try #require((retired.json["guests"] as? [[String: Any]])?.first)
            #expect(retired.json["lost"] as? Int == 1 && guest["measurement"] as? String == new, "\(retired)")
            #expect(guest["count"] as? Int == 2)
            #expect(try await impact(["replacement": set(old, new)]).json["kept"] as? Int == 2)
            // No policy names this set, and one names this.
            #expect(try await impact(["retirement": ["after": 0]], of: "none").json["refused"] as? Int == 2)
            #expect(try await impact(["retirement": ["after": 0]], of: "other").json["lost"] as? Int == 1)

            #expect(try await impact(["retirement": ["after": 0]], of: "absent").status == 404)
            #expect(try await impact(["retirement": ["after": 0, "superseded_by": "absent"]]).status == 400)
            for bad: [String: Any] in [
                [:], ["retirement": [String: Any]()], ["retirement": ["after": 0], "replacement": set(new)],
                ["retirement": ["after": 0], "settings": ["snp.vmpl": "0"]], ["replacement": set("x")],
                ["replacement": set(new), "policy": "first"], ["replacement": ["kind": "measurement"]],
            ] {
                #expect(try await impact(bad).status == 400, "\(bad)")
            }
            #expect(try await ask(["replacement": set(new)], of: server).status == 400)
            #expect(try await server.call("GET", "/api/v1/reference-values/web").body == before.body)
        }
    }

    @Test("A command's dry run shows the impact and changes nothing; its status is 1 if a guest would lose access")
    func dryRun() async throws {
        try await RunningServer.run { server in
            try await see(server)
            let (old, new) = (Hex.encode(Simulated.measurement("old")), Hex.encode(Simulated.measurement("new")))
            let folder = try TemporaryFolder()
            let (both, one) = (folder.file("both.toml").path, folder.file("one.toml").path)
            try Data("kind = \"measurement\"\nvalues = [\"\(old)\", \"\(new)\"]".utf8).write(to: URL(filePath: both))
            try Data("kind = \"measurement\"\nvalues = [\"\(new)\"]".utf8).write(to: URL(filePath: one))
            func kbs(_ arguments: String...) async throws -> Command.Result {
                try await Command.runAll(arguments, environment: ["KBS_URL": server.base])
            }
            #expect(try await kbs("reference", "set", "web", both, "--dry-run").status == 0)
            #expect(try await kbs("reference", "show", "web").status == 5, "nothing was set")
            #expect(try await kbs("reference", "set", "web", both).status == 0)
            try await server.setPolicy("web", "[snp]\nmeasurements = [\"@web\"]")

            let set = try await kbs("reference", "set", "web", one, "--dry-run", "--json")
            let json = try JSONSerialization.jsonObject(with: Data(set.output.utf8)) as? [String: Any]
            #expect(set.status == 1 && json?["lost"] as? Int == 1 && json?["kept"] as? Int == 1, "\(set)")
            let kept = try await kbs("reference", "set", "web", one, "--keep-previous", "24h", "--dry-run")
            #expect(kept.status == 1 && kept.output.hasPrefix("At ") && kept.output.contains("1 lose it"), "\(kept)")
            let retired = try await kbs("reference", "retire", "web", "--value", new, "--now", "--dry-run")
            #expect(retired.status == 1 && retired.output.contains("POLICIES"), "\(retired)")
            #expect(retired.output.contains("\(new.prefix(16))…") && !retired.output.contains("\(old.prefix(16))…"))
            let policy = folder.file("web.toml")
            try Data(measurements("old").utf8).write(to: policy)
            #expect(try await kbs("policy", "set", "web", policy.path, "--dry-run").status == 1)
            #expect(try await kbs("policy", "show", "web").output.contains("@web"))
            #expect(
                try await kbs("reference", "show", "web").output.contains("values   2 values\n"), "nothing was changed")
            #expect(try await kbs("reference", "retire", "web", "--now", "--json").status == 64)
        }
    }

    @Test("A floor is held against them too, and only settings that judge guests are taken")
    func floor() async throws {
        try await RunningServer.run { server in
            try await see(server)
            let high = try await ask(["settings": ["snp.vmpl": "3"]], of: server)
            #expect(high.json["lost"] as? Int == 2 && high.json["kept"] as? Int == 0)
            #expect(((high.json["guests"] as? [[String: Any]])?.first?["failed"] as? [String]) == ["snp.vmpl"])
            let same = try await ask(["settings": ["snp.vmpl": "0"]], of: server)
            #expect(same.json["kept"] as? Int == 2 && same.json["lost"] as? Int == 0)
            for bad: [String: Any] in [
                ["settings": ["listen": "0.0.0.0:1"]], ["settings": ["snp.nothing": "1"]],
                ["settings": ["snp.vmpl": "x"]], ["settings": [String: String]()], [:],
                ["policy_document": "x", "settings": ["snp.vmpl": "0"]], ["policy_document": "x = "],
                ["settings": ["snp.vmpl": "0"], "span": 0],
            ] {
                #expect(try await ask(bad, of: server).status == 400, "\(bad)")
            }
        }
    }
}
