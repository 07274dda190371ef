import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import Storage
import TestSupport
import Testing

@Suite("Resources over the administration API and the command line")
struct ResourceAdministrationTests {
    private let path = "/api/v1/resources/default/key/1"

    /// A policy that lets one measurement in.
    private func setPolicy(_ name: String, on server: RunningServer, token: String? = nil) async throws {
        let document = "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("app")))\"]"
        let body = String(decoding: try JSONEncoder().encode(["document": document]), as: UTF8.self)
        #expect(try await server.call("PUT", "/api/v1/policies/\(name)", body, token: token).status == 201)
    }

    @Test("A resource is put, read, replaced, disabled, rolled back and removed, and its bytes are in no answer")
    func lifecycle() async throws {
        try await RunningServer.run { server in
            try await setPolicy("app", on: server)
            let created = try await server.send("PUT", path + "?policy=app", "sesame".utf8)
            #expect(created.status == 201 && created.headers.first(name: "Location") == path)
            #expect(created.json["policy"] as? String == "app" && created.json["size"] as? Int == 6)
            let read = try await server.call("GET", path)
            #expect(read.body == created.body)
            #expect(read.headers.first(name: "ETag") == created.headers.first(name: "ETag"))
            let replaced = try await server.send("PUT", path, [0xFF, 0, 0xFE])
            #expect(replaced.status == 200 && replaced.json["current"] as? Int == 2)
            #expect(replaced.json["policy"] as? String == "app", "what is not said stays")
            let disabled = try await server.call("PATCH", path, #"{"disabled":true}"#)
            #expect(disabled.json["disabled"] as? Bool == true)
            let back = try await server.call("PATCH", path, #"{"current":1}"#)
            #expect(back.json["current"] as? Int == 1 && back.json["latest"] as? Int == 2)
            let bare = try await server.call("PATCH", path, #"{"policy":null}"#)
            #expect(bare.status == 200 && bare.json["policy"] == nil)
            let versions = try await server.call("GET", path + "/versions")
            let numbers = (versions.json["versions"] as? [[String: Any]])?.map { $0["number"] as? Int }
            #expect(numbers == [2, 1])
            let list = try await server.call("GET", "/api/v1/resources?search=key")
            for reply in [created, read, replaced, disabled, back, bare, versions, list] {
                #expect(!reply.body.contains("sesame"))
            }
            #expect(try await server.call("DELETE", path).status == 204)
            #expect(try await server.call("GET", path).problem == "not_found")
        }
    }

    @Test("A secret that is made here is in no answer; a guest gets it, and another is made only where that is meant")
    func generated() async throws {
        try await RunningServer.run { server in
            try await server.setPolicy(
                "guests", "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("guest")))\"]")
            let wish = #"{"bytes":48,"policy":"guests"}"#
            let made = try await server.call("POST", path, wish)
            #expect(made.status == 201 && made.json["size"] as? Int == 48)
            #expect(made.headers.first(name: "Location") == path)
            let first = try await server.components().get("default/key/1").resource
            #expect(first.count == 48 && Set(first).count > 8)
            #expect(try await server.call("POST", path, wish).problem == "resource_exists")
            #expect(try await server.components().get("default/key/1").resource == first)
            let next = try await server.call("POST", path, #"{"hex":true}"#, headers: [("If-Match", "*")])
            #expect(
                next.status == 200 && next.json["current"] as? Int == 2 && next.json["policy"] as? String == "guests")
            let second = try await server.components().get("default/key/1").resource
            #expect(second.count == 64 && Hex.decode(String(decoding: second, as: UTF8.self))?.count == 32)
            for bad in [#"{"bytes":8}"#, #"{"bytes":4097}"#, #"{"bytes":-1}"#, #"{"bytes":"32"}"#, "[]", ""] {
                #expect(try await server.call("POST", "\(path)x", bad).status == 400, "\(bad)")
            }
            let trail = try await server.call("GET", "/api/v1/audit?limit=1000").body
            #expect(trail.contains("generated"))
            for bytes in [first, second] {
                #expect(!made.body.contains(Hex.encode(bytes)) && !trail.contains(Base64.encode(bytes)))
            }
            let elsewhere = try await server.call("POST", "/api/v1/resources/a/b/c", #"{"policy":"none"}"#)
            #expect(elsewhere.problem == "invalid_field")
        }
    }

    @Test("A change that takes another state for granted changes nothing")
    func preconditions() async throws {
        try await RunningServer.run { server in
            let first = try await server.send("PUT", path, [1]).headers.first(name: "ETag") ?? ""
            let second = try await server.send("PUT", path, [2], headers: [("If-Match", first)])
            #expect(second.status == 200)
            for stale in [first, "\"9.9\"", "\"x\""] {
                let headers = [("If-Match", stale)]
                #expect(try await server.send("PUT", path, [3], headers: headers).status == 412, "\(stale)")
                #expect(try await server.call("PATCH", path, #"{"disabled":true}"#, headers: headers).status == 412)
                #expect(try await server.call("DELETE", path, headers: headers).status == 412)
            }
            let anew = try await server.send("PUT", path, [3], headers: [("If-None-Match", "*")])
            #expect(anew.status == 409 && anew.problem == "resource_exists")
            let other = "/api/v1/resources/default/key/2"
            #expect(try await server.send("PUT", other, [3], headers: [("If-Match", "*")]).status == 412)
            #expect(try await server.send("PUT", other, [3], headers: [("If-None-Match", "*")]).status == 201)
            let both = [("If-Match", "*"), ("If-None-Match", "*")]
            #expect(try await server.send("PUT", path, [3], headers: both).status == 412)
            let named = try await server.send("PUT", path, [3], headers: [("If-None-Match", first)])
            #expect(named.status == 400 && named.problem == "malformed")
            #expect(try await server.call("GET", path).body == second.body)
        }
    }

    @Test("What cannot be used is refused with a sentence that says so")
    func invalid() async throws {
        try await RunningServer.run({ $0.limits.resource = 8 }) { server in
            let empty = try await server.send("PUT", path)
            #expect(empty.problem == "invalid_field")
            #expect(try await server.send("PUT", path + "?policy=unknown", [1]).problem == "invalid_field")
            #expect(try await server.send("PUT", path + "?policy=a%20b", [1]).problem == "invalid_field")
            #expect(try await server.send("PUT", path + "?color=red", [1]).problem == "malformed")
            #expect(try await server.send("PUT", "/api/v1/resources/a/%2E%2E/c", [1]).problem == "invalid_field")
            #expect(try await server.send("PUT", "/api/v1/resources/a/b%2Fc/d", [1]).problem == "invalid_field")
            #expect(try await server.send("PUT", path, Array(repeating: 1, count: 9)).status == 413)
            #expect(try await server.send("PUT", path, Array(repeating: 1, count: 8)).status == 201)
            for change in ["{}", #"{"disabled":true,"current":1}"#, #"{"current":"1"}"#, "[]"] {
                #expect(try await server.call("PATCH", path, change).status == 400, "\(change)")
            }
            #expect(try await server.call("PATCH", path, #"{"current":7}"#).problem == "not_found")
        }
    }

    @Test("A resource may be longer than other bodies, and only a resource")
    func longBodies() async throws {
        try await RunningServer.run { server in
            let long = [UInt8](repeating: 1, count: 1_048_576)
            #expect(try await server.send("PUT", path, long).status == 201)
            #expect(try await server.send("PUT", path, long + [1]).status == 413)
            let other = try await server.send(
                "PUT", "/api/v1/workloads/app", long, headers: [("Content-Type", "application/json")])
            #expect(other.status == 413)
        }
    }

    @Test("Registrars put and remove resources, admins say what becomes of them, and auditors look")
    func roles() async throws {
        try await RunningServer.run { server in
            let admin = try await server.token(.admin)
            let registrar = try await server.token(.registrar)
            let auditor = try await server.token(.auditor)
            func bearer(_ token: String?) -> [(String, String)] {
                token.map { [("Authorization", "Bearer \($0)")] } ?? []
            }
            #expect(try await server.send("PUT", path, [1], headers: bearer(admin)).status == 201)
            let calls: [(String, String, String, Set<Role>)] = [
                ("GET", "/api/v1/resources", "", [.admin, .registrar, .auditor]),
                ("GET", path, "", [.admin, .registrar, .auditor]),
                ("GET", path + "/versions", "", [.admin, .registrar, .auditor]),
                ("PUT", path, "2", [.admin, .registrar]),
                ("PATCH", path, #"{"disabled":true}"#, [.admin]),
                ("PATCH", path, #"{"policy":null}"#, [.admin]),
                ("PATCH", path, #"{"current":1}"#, [.admin]),
            ]
            for (method, path, body, allowed) in calls {
                for (role, token) in [(Role.admin, admin), (.registrar, registrar), (.auditor, auditor)] {
                    let reply = try await server.call(method, path, body, token: token)
                    #expect(
                        reply.status == (allowed.contains(role) ? 200 : 403), "\(role) \(method) \(path): \(reply.body)"
                    )
                }
                #expect(try await server.call(method, path, body).status == 401, "\(method) \(path)")
            }
            #expect(try await server.call("DELETE", path, token: auditor).status == 403)
            #expect(try await server.call("DELETE", path).status == 401)
            #expect(try await server.call("DELETE", path, token: registrar).status == 204)
        }
    }

    @Test("Each change is in the trail, with who and which version")
    func trail() async throws {
        try await RunningServer.run { server in
            let admin = try await server.token(.admin)
            let actor = "token:\(admin.split(separator: "_")[1])"
            let headers = [("Authorization", "Bearer \(admin)")]
            _ = try await server.send("PUT", path, "sesame".utf8, headers: headers)
            _ = try await server.call("PATCH", path, #"{"disabled":true}"#, token: admin)
            _ = try await server.call("PATCH", path, #"{"disabled":false}"#, token: admin)
            _ = try await server.call("PATCH", path, #"{"policy":null}"#, token: admin)
            _ = try await server.call("PATCH", path, #"{"current":1}"#, token: admin)
            _ = try await server.call("DELETE", path, token: admin)
            let store = try SQLiteStore(file: server.settings.dataFolder.appending(path: "kbs.sqlite"))
            let records = try await store.trail().filter { $0["resource"] == "default/key/1" }
            #expect(
                records.map { $0["action"] } == [
                    "resource.put", "resource.disable", "resource.enable", "resource.policy", "resource.rollback",
                    "resource.remove",
                ])
            #expect(records.allSatisfy { $0["actor"] == actor && !$0.values.contains { $0.contains("sesame") } })
            #expect(records.first?["version"] == "1" && records.first?["size"] == "6")
        }
    }

    @Test("The commands do the same on a data folder")
    func commands() async throws {
        let folder = try TemporaryFolder()
        let data = folder.file("data").path
        func kbs(_ arguments: String..., input: String = "") async throws -> Command.Result {
            try await Command.runAll(arguments + ["--data", data], input: input)
        }
        let put = try await kbs("resource", "put", "default/key/1", input: "sesame\n")
        #expect(put.status == 0 && put.output.contains("version 1") && put.output.contains("nobody gets it"))
        #expect(try await kbs("resource", "put", "default/key/1", "--new", input: "x").status != 0)
        #expect(try await kbs("resource", "put", "default/key/1", input: "sesame 2").output.contains("version 2"))
        #expect(try await kbs("resource", "rollback", "default/key/1", "1").status == 0)
        #expect(try await kbs("resource", "disable", "default/key/1").status == 0)
        let shown = try await kbs("resource", "show", "default/key/1")
        #expect(shown.output.contains("disabled  yes") && shown.output.contains("none: nobody gets it"))
        #expect(!shown.output.contains("sesame"))
        let current = shown.output.split(separator: "\n").first { $0.hasSuffix("current") }
        #expect(current?.hasPrefix("1 ") == true && current?.contains(" 7 ") == true, "the line end is kept")
        #expect(try await kbs("resource", "enable", "default/key/1").status == 0)
        #expect(try await kbs("resource", "list").output.contains("default/key/1"))
        let unknown = try await kbs("resource", "assign", "default/key/1", "unknown")
        #expect(unknown.status != 0 && unknown.errors.contains("There is no policy unknown"))
        let wrong = try await kbs("resource", "show", "key/1")
        #expect(wrong.status != 0 && wrong.errors.contains("repository/type/tag"))
        #expect(try await kbs("resource", "remove", "default/key/1").status == 0)
        #expect(try await kbs("resource", "list").output.contains("There are no resources."))
    }
}
