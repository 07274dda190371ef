import Administration
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

@Suite("The administration API")
struct AdministrationTests {
    private func workload(_ id: String? = nil, secret: String = "secret") -> String {
        let id = id.map { #""id":"\#($0)","# } ?? ""
        return #"{\#(id)"launch_measurement":"\#(Hex.encode(Simulated.measurement("app")))","secret":"\#(secret)"}"#
    }

    @Test("A workload is created, read, replaced, disabled and removed, and its secret is in no answer")
    func workloads() async throws {
        try await APIInProcess.run { api in
            let path = "/api/v1/workloads/team%2Fapp"
            let created = try await api.call("POST", "/api/v1/workloads", workload("team/app", secret: "sesame"))
            #expect(created.status == 201 && created.headers.first(name: "Location") == path)
            let etag = try #require(created.headers.first(name: "ETag"))
            #expect(created.json["id"] as? String == "team/app" && created.json["disabled"] as? Bool == false)
            #expect(try await api.call("POST", "/api/v1/workloads", workload("team/app")).status == 409)
            let read = try await api.call("GET", path)
            #expect(read.status == 200 && read.headers.first(name: "ETag") == etag && read.body == created.body)
            #expect(try await api.call("GET", "/api/v1/workloads/team/app").body == read.body)
            let replaced = try await api.call("PUT", path, workload(secret: "sesame2"))
            #expect(replaced.status == 200 && replaced.headers.first(name: "ETag") != etag)
            let version = try #require(replaced.json["version"] as? String)
            #expect(replaced.headers.first(name: "ETag") == "\"\(version)\"")
            #expect(try await api.call("GET", path).body == replaced.body, "what is answered is what is stored")
            let list = try await api.call("GET", "/api/v1/workloads")
            for reply in [created, read, replaced, list] { #expect(!reply.body.contains("sesame")) }
            let put = try await api.call("PUT", "/api/v1/workloads/new", workload())
            #expect(put.status == 201)
            #expect(try await api.call("DELETE", path).status == 204)
            #expect(try await api.call("DELETE", path).problem == "workload_unknown")
            #expect(try await api.call("GET", path).status == 404)
        }
    }

    @Test("A secret that is no text is registered in base64, and reaches its guest")
    func binarySecret() async throws {
        try await RunningServer.run { server in
            let secret: [UInt8] = [0xFF, 0xFE, 1, 2]
            let body =
                #"{"launch_measurement":"\#(Hex.encode(Simulated.measurement("app")))","secret_base64":"\#(Data(secret).base64EncodedString())"}"#
            let put = try await server.call("PUT", "/api/v1/workloads/app", body)
            #expect(put.status == 201)
            #expect(try await Simulated.guest("app").boot(over: server.transport) == secret)
            let both = body.replacing("}", with: #","secret":"x"}"#)
            #expect(try await server.call("PUT", "/api/v1/workloads/app", both).problem == "malformed")
        }
    }

    @Test(
        "A member that a message does not have is refused by its name, and what stands there is not repeated",
        arguments: [
            ("POST", "workloads", #""id":"app","launch_measurement":"00","secret":"s""#),
            ("PUT", "workloads/app", #""launch_measurement":"00","secret":"s""#),
            ("PATCH", "workloads/app", #""disabled":true"#), ("POST", "appraisals", #""policy":"web","report":"00""#),
            ("POST", "resources/a/b/c", #""bytes":32"#), ("PATCH", "resources/a/b/c", #""disabled":true"#),
            ("PUT", "policies/web", #""document":"""#), ("POST", "impacts", #""policy_document":"""#),
            ("PUT", "reference-values/web", #""kind":"measurement","values":["00"]"#),
            ("POST", "reference-values/web/values", #""attempt":1"#), ("PATCH", "reference-values/web", #""after":1"#),
            ("POST", "tokens", #""role":"admin""#), ("PUT", "denials/key/00", #""reason":"why""#),
        ])
    func unknownMembers(_ method: String, _ path: String, _ members: String) async throws {
        try await APIInProcess.run { api in
            let path = path.replacing("key/00", with: "key/" + String(repeating: "0a", count: 32))
            let reply = try await api.call(method, "/api/v1/\(path)", #"{\#(members),"extra":"s3cret"}"#)
            let detail = reply.json["detail"] as? String ?? ""
            #expect(reply.status == 400 && reply.problem == "malformed")
            #expect(detail.hasPrefix("The field extra is not known here: there are "), "\(reply.body)")
            #expect(!reply.body.contains("s3cret"))
        }
    }

    @Test("What was read back can be set again, with the version that it was read with")
    func readBack() async throws {
        let digest = String(repeating: "0a", count: 48)
        try await APIInProcess.run { api in
            for (path, body) in [
                ("/api/v1/reference-values/web", #"{"kind":"measurement","values":["\#(digest)"]}"#),
                ("/api/v1/policies/web", #"{"document":"[snp]\nmeasurements = [\"\#(digest)\"]\n"}"#),
            ] {
                #expect(try await api.call("PUT", path, body).status == 201)
                let read = try await api.call("GET", path)
                let tag = try #require(read.headers[.eTag])
                let again = try await api.call("PUT", path, read.body, headers: [("If-Match", tag)])
                #expect(again.status == 200, "\(again.body)")
            }
        }
    }

    @Test(
        "What a message has in vain is refused too",
        arguments: [
            ("POST", "reference-values/web/values", #"{"values":["VALUE"],"value":"VALUE"}"#),
            ("POST", "reference-values/web/values", #"{"attempt":0}"#),
            (
                "PUT", "reference-values/web",
                #"{"kind":"measurement","values":[{"value":"VALUE","provenance":{"origin":"seen","by":"me"}}]}"#
            ),
            (
                "PUT", "reference-values/web",
                #"{"kind":"measurement","values":["VALUE"],"expires":"9999-12-31T23:59:59-00:01"}"#
            ),
            ("POST", "impacts", #"{"settings":{"snp.minimum_vmpl":"1"},"policy":"web"}"#),
            ("POST", "appraisals", #"{"policy":"web","report":"00","certificates":[SEVENTEEN]}"#),
        ])
    func inVain(_ method: String, _ path: String, _ body: String) async throws {
        let seventeen = [String](repeating: "\"AA==\"", count: 17).joined(separator: ",")
        let body = body.replacing("VALUE", with: String(repeating: "0a", count: 48))
            .replacing("SEVENTEEN", with: seventeen)
        try await APIInProcess.run { api in
            let reply = try await api.call(method, "/api/v1/\(path)", body)
            #expect((400..<500).contains(reply.status) && reply.status != 404, "\(reply.body)")
        }
    }

    @Test("A scope's list of policies reads no sets of other scopes, and a call beyond a scope is refused in process")
    func scopesInProcess() async throws {
        try await APIInProcess.run { api in
            let team = Admission(.server, .scopes([try #require(NameScope(exactly: "team-a/"))]))
            let administrator = Administrator(api.api, for: team)
            let digest = String(repeating: "0a", count: 48)
            _ = try await api.administrator.setPolicy(
                "team-a.web", document: "[snp]\nmeasurements = [\"\(digest)\"]\n")
            let values = try ReferenceValueSet(
                name: PolicyName("team-b.web"), kind: .measurement,
                values: [ReferenceValue(try #require(Hex.decode(digest)))], source: "")
            _ = try await api.administrator.setReferenceValues(values, keeping: nil)
            _ = try await api.administrator.setPolicy(
                "team-b.web", document: "[snp]\nmeasurements = [\"@team-b.web\"]\n")
            #expect(try await administrator.policies().map(\.name) == ["team-a.web"])
            // A set of another team that somebody has changed does not stop this one's list.
            let store = try #require(api.assembly.store as? SQLiteStore)
            try store.tamper("UPDATE reference_values SET source = 'thief'")
            #expect(try await administrator.policies().map(\.name) == ["team-a.web"])
            await #expect(throws: Refusal.self) {
                try await administrator.createToken(.admin, description: "", lifetime: 60)
            }
        }
    }

    @Test("A secret of any length, registered on the data folder of a server at work, reaches its guest")
    func secretsOnTheFolder() async throws {
        try await RunningServer.run { server in
            let administrator = try await server.administrator()
            for length in [1, 2, 3, 4, 244, 245] {
                let (id, secret) = ("app-\(length)", (0..<length).map { UInt8($0 % 255 + 1) })
                let launch = NewWorkload.Launch.measurement(
                    Hex.encode(Simulated.measurement(id)), configuration: "")
                let made = try await administrator.register(
                    NewWorkload(id: id, launch: launch, secret: Secret(secret)), replacing: false)
                #expect(made.id == id)
                #expect(try await Simulated.guest(id).boot(over: server.transport) == secret, "\(length)")
            }
            await #expect(throws: Refusal.self, "a refusal stays one") { try await administrator.workload("none") }
            await #expect(throws: Refusal.self) { try await administrator.workload("") }
            await #expect(throws: Refusal.self, "only a server has a status") { try await administrator.status() }
        }
    }

    @Test("A change that expects another version than there is changes nothing")
    func preconditions() async throws {
        try await APIInProcess.run { api in
            let path = "/api/v1/workloads/app"
            let first = try await api.call("PUT", path, workload()).headers.first(name: "ETag") ?? ""
            let second = try await api.call("PUT", path, workload(), headers: [("If-Match", first)])
            #expect(second.status == 200)
            let etag = second.headers.first(name: "ETag") ?? ""
            for stale in [first, "\"999\"", "\"x\"", "x"] {
                let headers = [("If-Match", stale)]
                #expect(try await api.call("PUT", path, workload(), headers: headers).status == 412, "\(stale)")
                #expect(try await api.call("DELETE", path, headers: headers).status == 412)
                #expect(
                    try await api.call("PATCH", path, #"{"disabled":true}"#, headers: headers).problem
                        == "precondition_failed")
            }
            let none = try await api.call(
                "PUT", "/api/v1/workloads/none", workload(), headers: [("If-Match", "*")])
            #expect(none.status == 412, "* means that there is one")
            let absent = try await api.call("PUT", path, workload(), headers: [("If-None-Match", "*")])
            #expect(absent.status == 412 && absent.body.contains("is registered"), "\(absent.body)")
            #expect(try await api.call("GET", path).headers.first(name: "ETag") == etag)
            let disabled = try await api.call("PATCH", path, #"{"disabled":true}"#, headers: [("If-Match", etag)])
            #expect(disabled.status == 200 && disabled.headers.first(name: "ETag") != etag)
            #expect(
                try await api.call("DELETE", path, headers: [("If-Match", etag)]).status == 412,
                "it was disabled since")
            #expect(try await api.call("DELETE", path, headers: [("If-Match", "*")]).status == 204)
        }
    }

    @Test("A server that replaces nothing does so on no path")
    func noReplacing() async throws {
        try await APIInProcess.run({ $0.replacesWorkloads = false }) { api in
            let path = "/api/v1/workloads/app"
            let made = try await api.call("PUT", path, workload())
            #expect(made.status == 201)
            #expect(try await api.call("PUT", path, workload()).problem == "workload_exists")
            let absent = try await api.call("PUT", path, workload(), headers: [("If-None-Match", "*")])
            #expect(absent.problem == "precondition_failed", "the header was the reason")
            #expect(try await api.call("PATCH", path, #"{"disabled":true}"#).status == 200)
        }
    }

    @Test("Lists come in pages, and are searched without surprises")
    func paging() async throws {
        try await RunningServer.run { server in
            for id in ["a", "b/1", "b/2", "c_d", "cxd"] { try await server.register(id) }
            var found: [String] = []
            var next: String? = ""
            while let after = next {
                let page = try await server.call("GET", "/api/v1/workloads?limit=2&after=\(after)")
                found += (page.json["workloads"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
                next = page.json["next"] as? String
            }
            #expect(found == ["a", "b/1", "b/2", "c_d", "cxd"])
            func search(_ text: String) async throws -> [String] {
                let page = try await server.call("GET", "/api/v1/workloads?search=\(text)")
                return (page.json["workloads"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
            }
            #expect(try await search("b%2F") == ["b/1", "b/2"])
            #expect(try await search("c_d") == ["c_d"], "_ is not a wildcard")
            #expect(try await search("%25") == [])
            for bad in ["limit=0", "limit=1001", "limit=x", "nosuch=1", "limit=1&limit=2"] {
                #expect(try await server.call("GET", "/api/v1/workloads?\(bad)").status == 400, "\(bad)")
            }
        }
    }

    @Test("A disabled workload's guests get nothing at any step, and all again when it is enabled")
    func disabled() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            let session = try await guest.challenge(over: server.transport)
            try await guest.attest(session, over: server.transport)
            let open = try await guest.challenge(over: server.transport)
            let path = "/api/v1/workloads/app"
            #expect(try await server.call("PATCH", path, #"{"disabled":true}"#).json["disabled"] as? Bool == true)
            for attempt in [
                { _ = try await guest.challenge(over: server.transport) },
                { try await guest.attest(open, over: server.transport) },
                { _ = try await guest.fetchKey(cookie: session.cookie, over: server.transport) },
            ] as [() async throws -> Void] {
                let refused = await #expect(throws: GuestTransport.Refused.self) { try await attempt() }
                #expect(refused?.status == 403 && refused?.text.hasPrefix("workload_disabled") == true)
            }
            try await server.register("app")
            #expect(
                try await server.call("GET", path).json["disabled"] as? Bool == true, "replacing does not enable it")
            #expect(try await server.call("PATCH", path, #"{"disabled":false}"#).status == 200)
            #expect(try await guest.boot(over: server.transport) == Array("secret".utf8))
        }
    }

    @Test("Sessions are listed and ended, one, a workload's or a chip's, and the guest must attest again")
    func sessions() async throws {
        try await RunningServer.run { server in
            for id in ["a", "b"] { try await server.register(id) }
            let guests = [try Simulated.guest("a"), try Simulated.guest("b")]
            func attest(_ guest: SimulatedSNPGuest) async throws -> String {
                let challenge = try await guest.challenge(over: server.transport)
                try await guest.attest(challenge, over: server.transport)
                return challenge.cookie
            }
            func list(_ query: String = "") async throws -> [[String: Any]] {
                try await server.call("GET", "/api/v1/sessions\(query)").json["sessions"] as? [[String: Any]] ?? []
            }
            let cookies = [try await attest(guests[0]), try await attest(guests[1])]
            #expect(try await list().count == 2)
            let chip = Hex.encode(try Simulated.snp.chipID)
            #expect(try await list("?chip=\(chip.uppercased())").count == 2)
            #expect(try await list("?chip=00&workload=a").isEmpty)
            let id = try #require(try await list("?workload=a").first?["id"] as? String)
            #expect(try await server.call("DELETE", "/api/v1/sessions/\(id)").status == 204)
            #expect(try await server.call("DELETE", "/api/v1/sessions/\(id)").status == 404)
            let ended = await #expect(throws: GuestTransport.Refused.self) {
                try await guests[0].fetchKey(cookie: cookies[0], over: server.transport)
            }
            #expect(ended?.status == 401)
            #expect(try await guests[1].fetchKey(cookie: cookies[1], over: server.transport) == Array("secret".utf8))
            #expect(try await server.call("DELETE", "/api/v1/sessions").status == 400, "nobody ends all by mistake")
            _ = try await attest(guests[0])
            let all = try await server.call("DELETE", "/api/v1/sessions?chip=\(chip)")
            #expect(all.json["ended"] as? Int == 2)
            #expect(try await list().isEmpty)
            #expect(try await guests[0].boot(over: server.transport) == Array("secret".utf8))
        }
    }

    @Test("Why a guest was refused is told with every check, what was expected, what was found and what to do")
    func attempts() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            var guest = try Simulated.guest("app")
            _ = try await guest.boot(over: server.transport)
            guest.template.measurement = Simulated.measurement("changed")
            guest.template.policy = GuestPolicy(rawValue: 0xB0000)
            let challenge = try await guest.challenge(over: server.transport)
            await #expect(throws: GuestTransport.Refused.self) {
                try await guest.attest(challenge, over: server.transport)
            }
            let page = try await server.call("GET", "/api/v1/attempts?outcome=refused")
            let attempt = try #require((page.json["attempts"] as? [[String: Any]])?.first)
            let failed = try #require(attempt["failed"] as? [String])
            #expect(Set(failed) == ["snp.measurement", "snp.policy", "snp.debug"])
            #expect(attempt["code"] as? String == "evidence_refused" && attempt["workload"] as? String == "app")
            let id = try #require(attempt["id"] as? Int)
            let detail = try await server.call("GET", "/api/v1/attempts/\(id)")
            let verdict = try #require(detail.json["verdict"] as? [String: Any])
            #expect(verdict["genuine"] as? Bool == true && verdict["accepted"] as? Bool == false)
            let checks = try #require(verdict["checks"] as? [[String: Any]])
            let check = try #require(checks.first { $0["check"] as? String == "snp.measurement" })
            #expect(check["expected"] as? String == Hex.encode(Simulated.measurement("app")))
            #expect(check["found"] as? String == Hex.encode(Simulated.measurement("changed")))
            #expect((check["advice"] as? String)?.contains("register the new image's measurement") == true)
            #expect(try await server.call("GET", "/api/v1/attempts/999").status == 404)
            let accepted = try await server.call("GET", "/api/v1/attempts?outcome=accepted&workload=app")
            #expect((accepted.json["attempts"] as? [Any])?.count == 1)
            #expect(try await server.call("GET", "/api/v1/attempts?outcome=maybe").status == 400)
        }
    }

    @Test("Recorded evidence is held against a workload, and nothing is released or recorded as an attempt")
    func appraisal() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            try await server.registerSEV("vm")
            let guest = try Simulated.guest("app")
            let recorded = try RecordedEvidence(Array(try guest.evidence(for: "00")))
            let certificates = recorded.evidence.certificates.map { "\"\(Data($0.der).base64EncodedString())\"" }
            func appraise(_ id: String, _ report: [UInt8]) async throws -> RunningServer.Reply {
                try await server.call(
                    "POST", "/api/v1/appraisals",
                    #"{"workload":"\#(id)","report":"\#(Hex.encode(report))","certificates":[\#(certificates.joined(separator: ","))]}"#
                )
            }
            #expect(try await appraise("app", recorded.evidence.report.bytes).json["accepted"] as? Bool == true)
            var changed = recorded.evidence.report.bytes
            changed[0x90] ^= 1
            let refused = try await appraise("app", changed)
            #expect(refused.json["accepted"] as? Bool == false && refused.json["genuine"] as? Bool == false)
            #expect(try await appraise("none", recorded.evidence.report.bytes).status == 404)
            #expect(try await appraise("vm", recorded.evidence.report.bytes).problem == "tee_mismatch")
            #expect(try await appraise("app", [1, 2, 3]).status == 400)
            #expect((try await server.call("GET", "/api/v1/attempts").json["attempts"] as? [Any])?.isEmpty == true)
            #expect((try await server.call("GET", "/api/v1/sessions").json["sessions"] as? [Any])?.isEmpty == true)
            let tests = try await DataFolder(server.settings.dataFolder).store.trail()
                .filter { $0["action"] == "workload.test" }
            #expect(tests.map { $0["accepted"] } == ["true", "false"] && tests[1]["failed"]?.isEmpty == false)
        }
    }

    /// What the server refuses the guest with.
    private func refusal(of body: () async throws -> Void) async -> GuestTransport.Refused? {
        await #expect(throws: GuestTransport.Refused.self) { try await body() }
    }

    @Test("Every handshake, change and refusal is in the trail, in order, and no secret is")
    func trail() async throws {
        try await RunningServer.run { server in
            try await server.register("app", secret: "a very secret secret")
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            try await guest.attest(challenge, over: server.transport)
            _ = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
            _ = await refusal {
                _ = try await guest.fetchKey("other", cookie: challenge.cookie, over: server.transport)
            }
            _ = await refusal { try await guest.attest(challenge, over: server.transport) }
            _ = try await server.call("DELETE", "/api/v1/workloads/app")
            let store = try await DataFolder(server.settings.dataFolder).store
            let trail = try await store.trail()
            #expect(
                trail.map { "\($0["action"] ?? "") \($0["outcome"] ?? "")" } == [
                    "server.start done", "workload.register done", "guest.attest done", "secret.release done",
                    "secret.release refused", "guest.attest refused", "workload.remove done",
                ])
            #expect(trail[2]["chip"] == Hex.encode(try Simulated.snp.chipID) && trail[2]["tee"] == "snp")
            #expect(trail[2]["session"] == trail[3]["session"] && trail[2]["session"]?.count == 32)
            #expect(trail[5]["code"] == "challenge_used")
            #expect(!trail.description.contains("very secret"))
            let page = try await server.call("GET", "/api/v1/audit?after=2&limit=2")
            #expect((page.json["records"] as? [[String: Any]])?.compactMap { $0["sequence"] as? Int } == [3, 4])
            #expect(page.json["next"] as? Int == 4)
            let checkpoint = try Checkpoint(line: try await server.call("GET", "/api/v1/audit/checkpoint").body)
            #expect(checkpoint.isSigned(by: checkpoint.publicKey) && checkpoint.head.sequence == 7)
        }
    }

    @Test("A secret does not leave when its release cannot be recorded")
    func unrecorded() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            try await guest.attest(challenge, over: server.transport)
            let store = try SQLiteStore(file: server.settings.dataFolder.appending(path: "kbs.sqlite"))
            try store.tamper("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END")
            let refused = await refusal {
                _ = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
            }
            #expect(refused?.status == 503)
            let again = try await guest.challenge(over: server.transport)
            _ = await refusal { try await guest.attest(again, over: server.transport) }
            try store.tamper("DROP TRIGGER full")
            #expect(try await guest.boot(over: server.transport) == Array("secret".utf8))
        }
    }

    @Test("The description lists every call, and the server has each; another method is told which there are")
    func description() async throws {
        try await RunningServer.run { server in
            let reply = try await server.call("GET", "/openapi.json")
            #expect(reply.json["openapi"] as? String == "3.1.0")
            let paths = try #require(reply.json["paths"] as? [String: [String: Any]])
            #expect(paths.count == 28)
            for (path, methods) in paths {
                let concrete = path.replacing(/\{[a-z]+\}/, with: "1")
                for method in methods.keys where method != "parameters" {
                    let found = try await server.call(method.uppercased(), concrete)
                    #expect(
                        found.problem != "http_404" && found.status != 405, "\(method) \(path): \(found.status)")
                }
                let wrong = try await server.call("TRACE", concrete)
                let allow = try #require(wrong.headers.first(name: "Allow")?.split(separator: ", "), "\(path)")
                #expect(wrong.status == 405 && allow.contains("HEAD") == allow.contains("GET"), "\(path)")
            }
            #expect(try await server.call("GET", "/api/v1/nothing").problem == "http_404")
        }
    }

    @Test("What a role may not do, no call lets it do: the description and the gate are of one list")
    func rights() async throws {
        try await RunningServer.run { server in
            let paths = try #require(
                try await server.call("GET", "/openapi.json").json["paths"] as? [String: [String: Any]])
            var tokens: [Role: String] = [:]
            for role in [Role.admin, .registrar, .auditor] {
                let made = try await server.call(
                    "POST", "/api/v1/tokens", "{\"role\":\"\(role.rawValue)\"}",
                    headers: tokens[.admin].map { [("Authorization", "Bearer \($0)")] } ?? [])
                tokens[role] = made.json["token"] as? String
            }
            var (tried, refused) = (0, 0)
            for (role, token) in tokens {
                for (path, methods) in paths {
                    for (method, item) in methods {
                        guard let text = (item as? [String: Any])?["description"] as? String else { continue }
                        let roles = try #require(text.firstRange(of: "Role: "), "\(path)")
                        let isAllowed = text[roles.upperBound...].contains(role.rawValue)
                        // Nothing is changed: there is no such thing, or nothing that could be read.
                        let reply = try await server.call(
                            method.uppercased(),
                            path.replacing(/\{[a-z]+\}/, with: "1") + (method == "get" ? "" : "?none=1"),
                            headers: [("Authorization", "Bearer \(token)")])
                        #expect(
                            (reply.problem != "forbidden") == isAllowed, "\(role) \(method) \(path): \(reply.status)")
                        tried += 1
                        refused += isAllowed ? 0 : 1
                    }
                }
            }
            #expect(tried > 90 && refused > 20)
        }
    }
}
