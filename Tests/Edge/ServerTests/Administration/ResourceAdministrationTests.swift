import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import SimulatedHardware
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

    @Test(
        "A bound secret goes only to the guest of the policy that was launched with its HOST_DATA, whatever is done to it"
    )
    func bound() async throws {
        try await RunningServer.run { server in
            for name in ["guest", "other"] {
                try await server.setPolicy(
                    name, "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement(name)))\"]")
            }
            let made = try await server.call("POST", path, #"{"policy":"guest","bind_host_data":true}"#)
            let hostData = try #require((made.json["host_data"] as? String).flatMap { Hex.decode($0) })
            #expect(made.status == 201 && hostData.count == 32)
            let launched = try server.components {
                for (index, byte) in hostData.enumerated() { $0.patches[0xC0 + index] = byte }
            }
            let secret = try await launched.get("default/key/1").resource
            #expect(secret.count == 32)
            func refused(_ guest: GuestComponents, by check: String) async throws {
                let status = await #expect(throws: (any Error).self) { try await guest.get("default/key/1") }
                let list = try await server.call("GET", "/api/v1/attempts?limit=1&outcome=refused")
                let failed = (list.json["attempts"] as? [[String: Any]])?.first?["failed"] as? [String]
                #expect(failed == [check], "\(status as Any)")
            }
            try await refused(server.components(), by: "policy.host_data")
            // Neither another put, nor another policy, nor an old version takes it away.
            #expect(try await server.call("POST", path, "{}", headers: [("If-Match", "*")]).json["host_data"] is String)
            #expect(try await server.send("PUT", path, [1, 2, 3]).json["host_data"] is String)
            try await refused(server.components(), by: "policy.host_data")
            #expect(
                try await server.call("PATCH", path, #"{"current":1}"#).json["host_data"] as? String
                    == Hex.encode(hostData))
            try await refused(server.components(), by: "policy.host_data")
            #expect(try await launched.get("default/key/1").resource == secret)
            // It stands for nothing that the policy asks for.
            #expect(try await server.call("PATCH", path, #"{"policy":"other"}"#).status == 200)
            try await refused(launched, by: "policy.measurement")
            #expect(try await server.call("PATCH", path, #"{"policy":null}"#).status == 200)
            await #expect(throws: (any Error).self) { try await launched.get("default/key/1") }
            let zeros = String(repeating: "0", count: 64)
            for bad in [
                #"{"host_data":"\#(zeros)"}"#, #"{"host_data":"ab"}"#, #"{"host_data":7}"#,
                #"{"bind_host_data":"yes"}"#,
                #"{"bind_host_data":true,"host_data":"\#(Hex.encode(hostData))"}"#,
            ] {
                #expect(try await server.call("POST", "\(path)x", bad).status == 400, "\(bad)")
            }

            let data = ["--data", server.settings.dataFolder.path]
            func kbs(_ arguments: String...) async throws -> Command.Result {
                try await Command.runAll(["resource"] + arguments + data)
            }
            let given = Hex.encode(Simulated.digest("init data"))
            let one = try await kbs("generate", "default/key/2", "--policy", "guest", "--host-data", given)
            #expect(one.status == 0 && one.output.contains("no other gets it: \(given)"), "\(one)")
            #expect(one.output.contains("host-data=\(Data(Simulated.digest("init data")).base64EncodedString())"))
            let two = try await kbs("generate", "default/key/2", "--replace", "--bind-host-data", "--json")
            #expect(two.status == 0 && two.output.contains("\"host_data\"") && !two.output.contains(given), "\(two)")
            let shown = try await kbs("show", "default/key/2")
            #expect(shown.output.contains("bound to  HOST_DATA ") && !shown.output.contains("HOST_DATA \(given)"))
            #expect(try await kbs("generate", "default/key/3", "--host-data", given, "--bind-host-data").status == 64)
            #expect(try await kbs("generate", "default/key/3", "--host-data", zeros).status == 2)
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
            #expect(anew.status == 412 && anew.problem == "precondition_failed")
            let generated = try await server.call("POST", path, "{}", headers: [("If-None-Match", "*")])
            #expect(generated.status == 412, "\(generated.body)")
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
