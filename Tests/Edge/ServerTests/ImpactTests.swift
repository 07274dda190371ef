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
            let open = try await ask(
                ["policy_document": measurements("new") + "\n[init_data]\n\"aa.toml\" = \"x\""], of: server)
            #expect(open.json["passed_over"] as? [String] == ["init_data"] || open.status == 400)
            let kept = try await server.call("GET", "/api/v1/policies/web").json["document"] as? String
            #expect(kept == measurements("old", "new"))
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
