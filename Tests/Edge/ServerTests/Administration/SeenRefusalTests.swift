import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import SimulatedHardware
import TestSupport
import Testing

@testable import Server

/// Every refusal in a handshake reaches the operator: who, from where, in which request, in which version.
@Suite("Refusals that an operator sees")
struct SeenRefusalTests {
    private func attempts(_ server: RunningServer) async throws -> [[String: Any]] {
        let page = try await server.call("GET", "/api/v1/attempts?outcome=refused")
        return try #require(page.json["attempts"] as? [[String: Any]])
    }

    @Test("What is refused before any evidence is read is kept with its address, request and version; B7, C2")
    func beforeEvidence() async throws {
        try await RunningServer.run { server in
            func post(_ path: String, _ body: String) async throws -> RunningServer.Reply {
                try await server.send("POST", path, body.utf8, headers: [("Content-Type", "application/json")])
            }
            // An older component, another technology, a workload that nobody registered, an answer without a cookie.
            _ = try await post("/kbs/v0/auth", #"{"version":"0.1.1","tee":"snp","extra-params":""}"#)
            _ = try await post("/kbs/v0/auth", #"{"version":"0.4.0","tee":"tdx","extra-params":""}"#)
            do {
                _ = try await Simulated.guest("nowhere").challenge(over: server.transport)
                Issue.record("It was challenged.")
            } catch is GuestTransport.Refused {}
            _ = try await post("/kbs/v0/attest", #"{"tee-pubkey":{},"tee-evidence":"{}"}"#)
            let found = try await attempts(server)
            #expect(
                found.map { $0["code"] as? String } == [
                    "challenge_invalid", "workload_unknown", "tee_mismatch", "malformed",
                ], "\(found)")
            #expect(found.map { $0["version"] as? String } == ["0.0.0", "0.0.0", "0.4.0", "0.1.1"])
            #expect(
                found.map { $0["action"] as? String } == ["guest.attest", "guest.auth", "guest.auth", "guest.auth"])
            #expect(found.allSatisfy { ($0["address"] as? String)?.hasPrefix("127.0.0.1") == true })
            #expect((found[3]["sentence"] as? String)?.contains("0.1.1") == true)
            // The lines in the log have the same id.
            let request = try #require(found[1]["request"] as? String)
            #expect(server.log.lines.contains { $0.contains(request) })
            let metrics = try await server.send("GET", "/metrics", [], headers: []).body
            for line in [#"version="0.1.1"} 1"#, #"version="0.4.0"} 1"#, #"version="0.0.0"} 2"#] {
                #expect(metrics.contains("kbs_protocol_requests_total{\(line)"), "\(line)")
            }
        }
    }

    @Test("A guest that is refused a challenge is found by the id it asked for, in the attempts and in the log")
    func challenges() async throws {
        try await RunningServer.run { server in
            try await server.register("off")
            #expect(try await server.call("PATCH", "/api/v1/workloads/off", #"{"disabled":true}"#).status == 200)
            // The second id is no repetition of the first, and the third is one.
            for id in ["wbe", "webb", "wbe", "off"] { _ = try await server.challengeCookie(id) }
            let found = try await attempts(server)
            #expect(found.map { $0["workload"] as? String } == ["off", "webb", "wbe"], "\(found)")
            #expect(found.map { $0["code"] as? String }.first == "workload_disabled")
            #expect(found.last?["count"] as? Int == 2 && found.last?["address"] is String)
            let page = try await server.call("GET", "/api/v1/attempts?workload=webb")
            #expect((page.json["attempts"] as? [Any])?.count == 1)
            for id in ["wbe", "off"] {
                #expect(server.log.lines.contains { $0.contains("Challenge refused.") && $0.contains(id) }, "\(id)")
            }
        }
    }

    @Test("A guest that is refused a resource is kept with its address and request, and why it has no policy")
    func resources() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            #expect(
                try await server.call("PATCH", "/api/v1/resources/default/key/1", #"{"policy":null}"#).status == 200)
            let guest = try server.components()
            let challenge = try await guest.challenge()
            _ = try await guest.attest(challenge)
            #expect(
                try await refusal { _ = try await guest.fetch("default/key/1", cookie: challenge.cookie) }.status == 403
            )
            let found = try #require(try await attempts(server).first)
            #expect((found["address"] as? String)?.hasPrefix("127.0.0.1") == true, "\(found)")
            let request = try #require(found["request"] as? String)
            #expect(server.log.lines.contains { $0.contains(request) && $0.contains("Resource refused.") })
            #expect(found["failed"] as? [String] == ["policy.assigned"])
        }
    }

    @Test("A refusal that comes again within a minute is one row with a count, and costs the trail nothing; E5")
    func again() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            func attest(_ policy: GuestPolicy? = nil) async throws {
                var guest = try Simulated.guest("app")
                guest.template.measurement = Simulated.measurement("changed")
                if let policy { guest.template.policy = policy }
                let challenge = try await guest.challenge(over: server.transport)
                do {
                    try await guest.attest(challenge, over: server.transport)
                    Issue.record("It was not refused.")
                } catch is GuestTransport.Refused {}
            }
            try await attest()
            let trail = try await server.call("GET", "/api/v1/audit?limit=1000").body.split(separator: "\n").count
            for _ in 0..<4 { try await attest() }
            let found = try await attempts(server)
            #expect(found.count == 1 && found[0]["count"] as? Int == 5 && found[0]["last"] != nil, "\(found)")
            let after = try await server.call("GET", "/api/v1/audit?limit=1000").body.split(separator: "\n").count
            #expect(after == trail)
            // Another reason is another row.
            try await attest(GuestPolicy(rawValue: 0xB0000))
            #expect(try await attempts(server).count == 2)
        }
    }

    @Test("A release's line in the log says where the trail was after it; A14")
    func trailHead() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            _ = try await Simulated.guest("app").boot(over: server.transport)
            let line = try #require(server.log.lines.last { $0.contains("Released.") })
            let place = try #require(line.firstMatch(of: #/"?trail"?: "?(\d+):([0-9a-f]{64})/#))
            let audit = try await server.call("GET", "/api/v1/audit?after=\((Int(place.1) ?? 0) - 1)&limit=1")
            #expect(audit.body.contains(place.2), "\(line)\n\(audit.body)")
            #expect(audit.body.contains("secret.release"))
        }
    }
}
