import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import SimulatedHardware
import Storage
import TestSupport
import Testing

@Suite("Credentials with a scope, call by call")
struct ScopedCallTests {
    private let measurement = Hex.encode(Simulated.measurement("app"))

    private func role(_ text: String) throws -> Authority { try #require(Authority(exactly: text)) }

    /// Something of each kind in both teams.
    private func fill(_ server: RunningServer) async throws {
        for team in ["team-a", "team-b"] {
            let values = #"{"kind":"measurement","values":["\#(measurement)"],"source":"test"}"#
            #expect(try await server.call("PUT", "/api/v1/reference-values/\(team).web", values).status == 201)
            try await server.setPolicy("\(team).web", "[snp]\nmeasurements = [\"@\(team).web\"]")
            let path = "/api/v1/resources/\(team)/key/1?policy=\(team).web"
            #expect(try await server.send("PUT", path, [1]).status == 201)
            let workload = #"{"id":"\#(team)/web","launch_measurement":"\#(measurement)","secret":"s"}"#
            #expect(try await server.call("POST", "/api/v1/workloads", workload).status == 201)
        }
    }

    /// Bodies that name what is another team's, for calls whose path does not.
    private func bodies() throws -> [String: [String]] {
        let report = Hex.encode(
            try ReportTemplate(of: Simulated.snp, tcb: Simulated.tcb).signed(by: Simulated.vcek))
        return [
            "createWorkload": [#"{"id":"team-b/new","launch_measurement":"\#(measurement)","secret":"s"}"#],
            "appraise": [
                #"{"workload":"team-b/web","report":"\#(report)"}"#, #"{"policy":"team-b.web","report":"\#(report)"}"#,
                #"{"policy_document":"[snp]\nmeasurements = [\"@team-b.web\"]","report":"\#(report)"}"#,
            ],
            "impact": [#"{"settings":{"snp.vmpl":"0"}}"#], "createToken": [#"{"role":"admin"}"#],
            "replaceWorkload": [#"{"launch_measurement":"\#(measurement)","secret":"s"}"#],
            "changeWorkload": [#"{"disabled":true}"#], "editResource": [#"{"disabled":true}"#],
            "generateResource": ["{}"], "deny": [#"{"reason":"x"}"#], "putResource": ["x"],
            "setPolicy": [#"{"document":"[snp]\naccepts_any_measurement = true"}"#],
            "setReferenceValues": [#"{"kind":"measurement","values":["\#(measurement)"],"source":""}"#],
            "addReferenceValues": [#"{"values":["\#(measurement)"]}"#, #"{"attempt":1}"#],
            "retireReferenceValues": [#"{"after":0}"#],
        ]
    }

    @Test("No call of the API tells or changes anything of another scope, whatever the role", arguments: Role.allCases)
    func everyCall(_ role: Role) async throws {
        try await RunningServer.run { server in
            try await fill(server)
            let described = try await server.call("GET", "/openapi.json").json
            let token = try await server.token(try self.role("\(role.rawValue):team-a/"))
            let names = [
                "workload": "team-b%2Fweb", "repository": "team-b", "type": "key", "tag": "1", "policy": "team-b.web",
                "set": "team-b.web", "session": String(repeating: "0", count: 32), "attempt": "1",
                "token": "0123456789ab", "fingerprint": String(repeating: "0", count: 64),
                "endorser": "chip%2F0102030405060708",
            ]
            let bodies = try self.bodies()
            let lists = ["listWorkloads", "listResources", "listPolicies", "listReferenceValueSets"]
            var (refused, listed) = (0, 0)
            for (template, item) in try #require(described["paths"] as? [String: [String: Any]]) {
                let path = names.reduce(template) { $0.replacing("{\($1.key)}", with: $1.value) }
                #expect(!path.contains("{"), "\(template)")
                for (method, operation) in item {
                    guard let id = (operation as? [String: Any])?["operationId"] as? String else { continue }
                    for body in bodies[id] ?? [""] {
                        let reply = try await server.call(method.uppercased(), path, body, token: token)
                        if lists.contains(id) {
                            listed += 1
                            #expect(reply.status == 200 && reply.body.contains("team-a"), "\(id): \(reply)")
                            #expect(!reply.body.contains("team-b"), "\(id): \(reply.body)")
                        } else {
                            refused += 1
                            #expect(reply.status == 403 && reply.problem == "forbidden", "\(id) \(body): \(reply)")
                        }
                    }
                }
            }
            #expect(listed == lists.count && refused > 30)
            // And what is there is as it was.
            for path in [
                "workloads/team-b%2Fweb", "resources/team-b/key/1", "policies/team-b.web",
                "reference-values/team-b.web",
            ] {
                #expect(
                    try await server.call("GET", "/api/v1/" + path, token: try await server.token(.admin)).status == 200
                )
            }
        }
    }

    @Test("What names another scope beside its own is refused: policies of resources, reference values of policies")
    func references() async throws {
        try await RunningServer.run { server in
            try await fill(server)
            let admin = try await server.token(try role("admin:team-a/"))
            let registrar = try await server.token(try role("registrar:team-a/"))
            let resource = "/api/v1/resources/team-a/key/2"
            func status(_ method: String, _ path: String, _ body: String = "", _ token: String? = nil) async throws
                -> Int
            {
                try await server.call(method, path, body, token: token ?? admin).status
            }
            for (method, path, body) in [
                ("PUT", resource + "?policy=team-b.web", "x"), ("POST", resource, #"{"policy":"team-b.web"}"#),
                ("PATCH", "/api/v1/resources/team-a/key/1", #"{"policy":"team-b.web"}"#),
                ("PUT", "/api/v1/policies/team-a.x", #"{"document":"[snp]\nmeasurements = [\"@team-b.web\"]"}"#),
                ("PUT", "/api/v1/policies/web", #"{"document":"[snp]\nmeasurements = [\"@team-a.web\"]"}"#),
                ("PUT", "/api/v1/resources/team-ab/key/1", "x"),
                ("PUT", "/api/v1/resources/team-a%2F..%2Fteam-b/key/1", "x"),
                ("GET", "/api/v1/workloads/team-a%2F..%2Fteam-b%2Fweb", ""),
                ("GET", "/api/v1/workloads/TEAM-A%2Fweb", ""),
                ("POST", "/kbs/v0/resource-policy", #"{"policy":""}"#),
            ] {
                let found = try await status(method, path, body)
                #expect([400, 403].contains(found), "\(method) \(path): \(found)")
            }
            // Within the scope each role does what it does elsewhere.
            #expect(try await status("PUT", resource + "?policy=team-a.web", "x", registrar) == 201)
            #expect(try await status("POST", resource, "{}", registrar) == 409)
            #expect(try await status("PATCH", resource, #"{"disabled":true}"#, registrar) == 403)
            #expect(try await status("PATCH", resource, #"{"disabled":true}"#) == 200)
            let document = #"{"document":"[snp]\nmeasurements = [\"@team-a.web\"]"}"#
            #expect(try await status("PUT", "/api/v1/policies/team-a.x", document, registrar) == 403)
            #expect(try await status("PUT", "/api/v1/policies/team-a.x", document) == 201)
            let values = #"{"kind":"measurement","values":["\#(measurement)"],"source":"ci"}"#
            #expect(try await status("PUT", "/api/v1/reference-values/team-a.next", values, registrar) == 201)
            #expect(try await status("DELETE", "/api/v1/reference-values/team-a.next", "", registrar) == 204)
            let everywhere = try await server.token(.registrar)
            #expect(try await status("PUT", "/api/v1/reference-values/team-a.next", values, everywhere) == 403)
            #expect(try await status("DELETE", "/api/v1/workloads/team-a%2Fweb", "", registrar) == 204)

            // Who was turned away by a name is in the trail, as who was turned away by a role.
            let trail = try await DataFolder(server.settings.dataFolder).store.trail()
            #expect(
                trail.contains {
                    $0["code"] == "forbidden" && $0["request"]?.contains("resources/team-ab/key/1") == true
                })
            #expect(trail.contains { $0["action"] == "token.create" && $0["role"] == "admin:team-a/" })
        }
    }

    @Test("The calls of the other dialects keep to the scope too")
    func dialects() async throws {
        try await RunningServer.run { server in
            try await fill(server)
            let registrar = try await server.token(try role("registrar:team-a/"))
            func status(_ method: String, _ path: String, _ body: String = "") async throws -> Int {
                try await server.call(method, path, body, token: registrar).status
            }
            func registration(_ id: String) -> String {
                #"{"workload_id":"\#(id)","launch_measurement":"\#(measurement)","tee_config":"","passphrase":"s"}"#
            }
            #expect(try await status("POST", "/kbs/v0/register_workload", registration("team-b/x")) == 403)
            #expect(try await status("POST", "/kbs/v0/register_workload", registration("team-a/x")) == 200)
            #expect(try await status("POST", "/kbs/v0/resource/team-b/key/1", "x") == 403)
            #expect(try await status("POST", "/kbs/v0/resource/team-a/key/9", "x") == 200)
            #expect(try await status("DELETE", "/kbs/v0/resource/team-b/key/1") == 403)
            #expect(try await status("DELETE", "/kbs/v0/resource/team-a/key/9") == 200)
            let list = try await server.call("GET", "/kbs/v0/resource", token: registrar).body
            #expect(list.contains("team-a/key/1") && !list.contains("team-b"))
            func values(_ names: String...) -> String {
                let sets = names.map { "\"\($0)\":[\"\(measurement)\"]" }.joined(separator: ",")
                return
                    #"{"version":"0.1.0","type":"sample","payload":"\#(Data("{\(sets)}".utf8).base64EncodedString())"}"#
            }
            let path = "/kbs/v0/reference-value"
            #expect(try await status("POST", path, values("team-a.measurement", "team-b.measurement")) == 403)
            #expect(try await status("GET", path + "/team-a.measurement") == 404, "all of them, or none")
            #expect(try await status("POST", path, values("team-a.measurement")) == 200)
            #expect(try await status("GET", path + "/team-a.measurement") == 200)
            #expect(try await status("GET", path + "/team-b.web") == 403)
        }
    }
}
