import Broker
import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPEdge
import HTTPServer
import OpenPolicyAgent
import TestSupport
import Testing

@testable import Server

@Suite("Trustee's administration, as kbs-client does it")
struct TrusteeAdministrationTests {
    private static let policy = Data("package policy".utf8).base64URL

    @Test("A resource that was removed is gone")
    func remove() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let removed = try await server.send("DELETE", "/kbs/v0/resource/default/key/1")
            #expect(removed.status == 200)
            let refused = try await refusal { _ = try await server.components().get("default/key/1") }
            #expect(refused.status == 404)
        }
    }

    @Test(
        "A path that no resource can have is refused",
        arguments: ["default/key", "default/../key", "a/b/c/d", "default/key/%20"])
    func path(_ path: String) async throws {
        try await RunningServer.run { server in
            let put = try await server.send("POST", "/kbs/v0/resource/\(path)", "x".utf8)
            #expect(put.status == 400)
        }
    }

    @Test("Policies in Rego are answered with 501 and the reason without an agent")
    func rego() async throws {
        try await RunningServer.run { server in
            for (path, body) in [
                ("resource-policy", #"{"policy":"\#(Self.policy)"}"#),
                ("attestation-policy", #"{"type":"rego","policy_id":"default","policy":"\#(Self.policy)"}"#),
            ] {
                let reply = try await server.post("/kbs/v0/\(path)", body)
                #expect(reply.status == 501)
                #expect(reply.body.contains("Open Policy Agent"))
            }
            let shown = try await server.send("GET", "/kbs/v0/resource-policy")
            #expect(shown.status == 501)
        }
    }

    @Test(
        "A policy in Rego that is handed on is in the trail: who did it, which, and its digest; also if it was not taken"
    )
    func regoTrail() async throws {
        try await StandInService.run { _, count in
            OutgoingResponse(status: count == 1 ? .ok : .badRequest, body: .bytes(Array("{}".utf8)))
        } _: { agent, base in
            try await RunningServer.run {
                $0.agent.baseURL = base
            } _: { server in
                let admin = try await server.token(.admin)
                // The longest id that a policy can have.
                let id = String(repeating: "a", count: 64)
                let body = #"{"type":"rego","policy_id":"\#(id)","policy":"\#(Self.policy)"}"#
                let taken = try await server.call("POST", "/kbs/v0/attestation-policy", body, token: admin)
                #expect(taken.status == 200, "\(taken.body)")
                let refused = try await server.call(
                    "POST", "/kbs/v0/resource-policy", #"{"policy":"\#(Self.policy)"}"#, token: admin)
                #expect(refused.status == 400)
                #expect(agent.exchanges.map(\.path).first == "/v1/policies/attestation-policy.\(id)")
                let records = try await DataFolder(server.settings.dataFolder).store.trail()
                    .filter { $0["action"] == "module.set" }
                #expect(
                    records.map { $0["module"] } == ["attestation-policy.\(id)", "resource-policy", "resource-policy"])
                #expect(records.map { $0["outcome"] } == ["done", "done", "refused"])
                let digest = Hex.encode(Simulated.digest("package policy"))
                #expect(records.allSatisfy { $0["sha256"] == digest && $0["actor"]?.hasPrefix("token:") == true })
            }
        }
    }

    @Test(
        "Nobody administers without credentials once there are some",
        arguments: [
            ("POST", "resource/default/key/1"), ("DELETE", "resource/default/key/1"), ("POST", "resource-policy"),
            ("GET", "resource-policy"), ("POST", "attestation-policy"), ("POST", "reference-value"),
            ("GET", "reference-value/x"),
        ])
    func credentials(_ method: String, _ path: String) async throws {
        try await RunningServer.run { server in
            let made = try await server.send(
                "POST", "/api/v1/tokens", #"{"role":"auditor"}"#.utf8, headers: [("Content-Type", "application/json")])
            try #require(made.status == 201)
            let reply = try await server.send(method, "/kbs/v0/\(path)", "{}".utf8)
            #expect(reply.status == 401)
            #expect(reply.body.contains("\"detail\""))
        }
    }

    @Test("A reference value that is no digest is refused, and none of its set is kept")
    func noDigest() async throws {
        try await RunningServer.run { server in
            let payload = Data(#"{"good":["\#(String(repeating: "ab", count: 48))"],"bad":["1.2"]}"#.utf8)
                .base64EncodedString()
            let reply = try await server.post(
                "/kbs/v0/reference-value", #"{"version":"0.1.0","type":"sample","payload":"\#(payload)"}"#)
            #expect(reply.status == 400)
            let shown = try await server.send("GET", "/kbs/v0/reference-value/good")
            #expect(shown.status == 404)
        }
    }
}
