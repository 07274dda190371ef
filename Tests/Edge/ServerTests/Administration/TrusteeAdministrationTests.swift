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
@testable import Installation
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
            OutgoingResponse(status: count == 1 ? .ok : .badRequest, body: Array("{}".utf8))
        } _: { agent, base in
            try await RunningServer.run {
                $0.agent.baseURL = base
                $0.agent.timeout = .seconds(600)
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
            #expect(reply.headers.first(name: "WWW-Authenticate")?.hasPrefix("Bearer ") == true)
        }
    }

    @Test("A doubled slash leads guests to their calls, and past a proxy's rules to no call that needs a right")
    func doubledSlash() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let path = "//kbs/v0/resource/default/key/1"
            for (method, path) in [
                ("POST", path), ("DELETE", path), ("GET", "//kbs/v0/resource"),
                ("GET", "//kbs/v0/reference-value/x"), ("POST", "//kbs/v0/register_workload"),
            ] {
                let reply = try await server.send(method, path, method == "POST" ? Array("{}".utf8) : [])
                #expect(reply.status == 404, "\(method) \(path): \(reply.body)")
            }
            #expect(try await server.send("GET", path).status == 401, "a guest is told to attest")
            #expect(try await server.components().get("default/key/1").resource == Array("secret".utf8))
        }
    }

    /// As `kbs-client config set-sample-reference-value` sends them, with `--as-integer`, `--as-bool`, `--as-single-value`.
    private static func set(_ values: String, on server: RunningServer) async throws -> RunningServer.Reply {
        let payload = Data(values.utf8).base64EncodedString()
        return try await server.post(
            "/kbs/v0/reference-value", #"{"version":"0.1.0","type":"sample","payload":"\#(payload)"}"#)
    }

    private static let digest = String(repeating: "ab", count: 48)

    @Test(
        "Reference values of every kind are read back as they were set; E1, B8",
        arguments: [
            ("snp_bootloader", "[3]"), ("snp_bootloader", "3"), ("svn", "[1,2]"), ("debug", "false"),
            ("debug", "[true]"),
            ("tcb_status", #"["UpToDate","SWHardeningNeeded"]"#), ("svn", #""1""#),
            ("snp_launch_measurement", #"["\#(digest)"]"#), ("snp_launch_measurement", #""\#(digest)""#),
            ("tdx_mr_td", #"["\#(digest)"]"#), ("pcr11", #"["\#(String(repeating: "cd", count: 32))"]"#),
        ])
    func roundTrip(_ name: String, _ value: String) async throws {
        try await RunningServer.run { server in
            let set = try await Self.set(#"{"\#(name)":\#(value)}"#, on: server)
            #expect(set.status == 200, "\(set.body)")
            let shown = try await server.send("GET", "/kbs/v0/reference-value/\(name)")
            #expect(shown.status == 200 && shown.body == value)
            // A name that no rule reads is said.
            #expect(set.body.contains("\"unread\":[\"\(name)\"]") == !name.contains("measurement"))
        }
    }

    @Test("Digests are what their name says, and of another name nothing that a policy reads; C12")
    func kinds() async throws {
        try await RunningServer.run { server in
            let short = String(repeating: "cd", count: 32)
            let set = try await Self.set(
                #"{"pcr11":["\#(short)"],"snp_host_data":["\#(short)"],"id_key":["\#(Self.digest)"],"#
                    + #""author_key_digest":["\#(Self.digest)"],"launch_digest":["\#(Self.digest)"],"measurement":["\#(short)"]}"#,
                on: server)
            #expect(set.status == 200 && set.body.contains(#""unread":["measurement","pcr11"]"#), "\(set.body)")
            #expect(set.body.contains("minimum_tcb"), "it says where versions belong")
            for (name, kind) in [
                ("pcr11", "text"), ("snp_host_data", "host_data"), ("id_key", "id_key"), ("measurement", "text"),
                ("author_key_digest", "author_key"), ("launch_digest", "measurement"),
            ] {
                let shown = try await server.send("GET", "/api/v1/reference-values/\(name)")
                #expect(shown.body.contains("\"kind\":\"\(kind)\""), "\(name): \(shown.body)")
            }
        }
    }

    @Test(
        "Values that are mixed, nested, null, no whole number or none are refused, and none of their set is kept",
        arguments: [#"["a",1]"#, "[[1]]", "null", "1.5", "[]", #"{"a":1}"#, #""""#])
    func unfitValues(_ value: String) async throws {
        try await RunningServer.run { server in
            let reply = try await Self.set(#"{"good":["\#(Self.digest)"],"bad":\#(value)}"#, on: server)
            #expect(reply.status == 400)
            let shown = try await server.send("GET", "/kbs/v0/reference-value/good")
            #expect(shown.status == 404)
        }
    }

    @Test("Who may read resources gets a list of them, in their order, and nobody else; C14")
    func list() async throws {
        try await RunningServer.run { server in
            for path in ["default/key/2", "default/key/1", "web/cert/a"] { try await server.put(path, for: nil) }
            let all = try await server.send("GET", "/kbs/v0/resource")
            #expect(all.status == 200 && all.body == #"["default/key/1","default/key/2","web/cert/a"]"#)
            let rest = try await server.send("GET", "/kbs/v0/resource?after=default%2Fkey%2F2")
            #expect(rest.body == #"["web/cert/a"]"#)
            let auditor = try await server.token(.auditor)
            let read = try await server.call("GET", "/kbs/v0/resource", token: auditor)
            #expect(read.status == 200)
            let guest = try await server.send("GET", "/kbs/v0/resource")
            #expect(guest.status == 401 && !guest.body.contains("default/key"))
        }
    }
}
