import Administration
import Broker
import BrokerSupport
import Bytes
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import OpenPolicyAgent
import Server
import SimulatedHardware
import TestSupport
import Testing

@Suite("Policies and reference values, over the API")
struct PolicyAPITests {
    private let values =
        #"{"kind":"measurement","values":["\#(Hex.encode(Simulated.measurement("app")))"],"source":"CI","expires":"2036-01-01T00:00:00Z"}"#
    private let policy = #"{"document":"[snp]\nmeasurements = [\"@web-1\"]"}"#

    @Test("They are set, read, listed, replaced and removed, each with an ETag")
    func lifecycle() async throws {
        try await APIInProcess.run { api in
            let (web, set) = ("/api/v1/policies/web", "/api/v1/reference-values/web-1")
            #expect(try await api.call("PUT", web, policy).problem == "invalid_field", "its values are not there")
            let values = try await api.call("PUT", set, values)
            #expect(values.status == 201 && values.json["kind"] as? String == "measurement")
            #expect(values.json["expires"] as? String == "2036-01-01T00:00:00Z")
            let made = try await api.call("PUT", web, policy)
            #expect(made.status == 201 && made.json["reference_values"] as? [String] == ["web-1"])
            #expect((made.json["explanation"] as? String)?.contains("@web-1 (1 value, until 2036") == true)
            let read = try await api.call("GET", web)
            #expect(read.body == made.body && read.headers.first(name: "ETag") == made.headers.first(name: "ETag"))
            #expect(try await api.call("GET", set).body == values.body)
            let replaced = try await api.call("PUT", web, policy)
            #expect(replaced.status == 200)
            #expect(replaced.headers.first(name: "ETag") == "\"\(replaced.json["version"] as? String ?? "")\"")
            #expect(replaced.headers.first(name: "ETag") != made.headers.first(name: "ETag"))
            let (policies, sets) = (
                try await api.call("GET", "/api/v1/policies"),
                try await api.call("GET", "/api/v1/reference-values")
            )
            #expect((policies.json["policies"] as? [[String: Any]])?.count == 1)
            #expect((sets.json["reference_values"] as? [[String: Any]])?.count == 1)
            let inUse = try await api.call("DELETE", set)
            #expect(inUse.status == 409 && inUse.problem == "in_use")
            #expect(try await api.call("DELETE", web).status == 204)
            #expect(try await api.call("DELETE", set).status == 204)
            for path in [web, set] {
                #expect(try await api.call("GET", path).problem == "not_found")
                #expect(try await api.call("DELETE", path).status == 404)
            }
        }
    }

    @Test(
        "A change that expects another version than there is changes nothing",
        arguments: ["policies", "reference-values"])
    func preconditions(collection: String) async throws {
        try await APIInProcess.run { api in
            #expect(try await api.call("PUT", "/api/v1/reference-values/web-1", values).status == 201)
            let (path, body) = ("/api/v1/\(collection)/x", collection == "policies" ? policy : values)
            #expect(try await api.call("PUT", path, body, headers: [("If-Match", "*")]).status == 412)
            let first = try await api.call("PUT", path, body, headers: [("If-None-Match", "*")])
            #expect(first.status == 201)
            #expect(try await api.call("PUT", path, body, headers: [("If-None-Match", "*")]).status == 412)
            let etag = first.headers.first(name: "ETag") ?? ""
            let second = try await api.call("PUT", path, body, headers: [("If-Match", etag)])
            #expect(second.status == 200)
            for stale in [etag, "\"999\"", "x"] {
                let headers = [("If-Match", stale)]
                #expect(try await api.call("PUT", path, body, headers: headers).problem == "precondition_failed")
                #expect(try await api.call("DELETE", path, headers: headers).status == 412)
            }
            #expect(try await api.call("GET", path).body == second.body)
            let both = [("If-None-Match", "*"), ("If-Match", etag)]
            #expect(try await api.call("PUT", path, body, headers: both).problem == "precondition_failed")
        }
    }

    @Test("Admins change them, registrars and auditors read them, and strangers do neither")
    func roles() async throws {
        try await RunningServer.run { server in
            let admin = try await server.token(.admin)
            for (path, body) in [("reference-values/web-1", values), ("policies/web", policy)] {
                #expect(try await server.call("PUT", "/api/v1/\(path)", body, token: admin).status == 201)
            }
            for role in [Role.registrar, .auditor] {
                let token = try await server.token(Authority(role))
                for path in ["policies", "policies/web", "reference-values", "reference-values/web-1"] {
                    #expect(try await server.call("GET", "/api/v1/\(path)", token: token).status == 200)
                }
                for (path, body) in [("policies/web", policy), ("reference-values/web-1", values)] {
                    let put = try await server.call("PUT", "/api/v1/\(path)", body, token: token)
                    #expect(put.status == 403 && put.problem == "forbidden", "\(role) \(path)")
                    #expect(try await server.call("DELETE", "/api/v1/\(path)", token: token).status == 403)
                }
            }
            for path in ["policies", "policies/web", "reference-values", "reference-values/web-1"] {
                #expect(try await server.call("GET", "/api/v1/\(path)").status == 401)
            }
        }
    }

    @Test(
        "What cannot be used is refused with a sentence, and is not kept",
        arguments: [
            ("policies/web", #"{"document":"accept = true"}"#, "`accept` is not known"),
            ("policies/web", #"{"document":"[snp]\nproducts = [\"Genoa\"]"}"#, "accepts_any_measurement"),
            ("policies/a%20b", #"{"document":"[snp]\naccepts_any_measurement = true"}"#, "cannot be a name"),
            ("reference-values/web", #"{"kind":"measurement","values":[]}"#, "is empty"),
            ("reference-values/web", #"{"kind":"measurement","values":["00"]}"#, "96 hex digits"),
            ("reference-values/web", #"{"kind":"measurement","values":["x"]}"#, "a measurement is 96 hex digits"),
        ])
    func faults(path: String, body: String, says: String) async throws {
        try await APIInProcess.run { api in
            let reply = try await api.call("PUT", "/api/v1/\(path)", body)
            #expect(reply.status == 400 && reply.problem == "invalid_field")
            #expect((reply.json["detail"] as? String)?.contains(says) == true, "\(reply.body)")
            let lists = try await api.call("GET", "/api/v1/policies").body
            #expect(!lists.contains("document"))
        }
    }

    @Test("Evidence is held against a policy that is kept, and against one that is tried out")
    func appraisal() async throws {
        try await APIInProcess.run { api in
            #expect(try await api.call("PUT", "/api/v1/reference-values/web-1", values).status == 201)
            #expect(try await api.call("PUT", "/api/v1/policies/web", policy).status == 201)
            let guest = try Simulated.guest("app")
            let report = Hex.encode(try guest.template.signed(by: guest.signer))
            let certificates = guest.certificates.map { "\"\(Data($0.der).base64EncodedString())\"" }
            func appraise(_ subject: String) async throws -> RunningServer.Reply {
                let list = certificates.joined(separator: ",")
                let body = #"{\#(subject),"report":"\#(report)","certificates":[\#(list)]}"#
                return try await api.call("POST", "/api/v1/appraisals", body)
            }
            let kept = try await appraise(#""policy":"web""#)
            #expect(kept.json["accepted"] as? Bool == true, "\(kept.body)")
            #expect(kept.body.contains("snp.signature") && kept.body.contains("policy.measurement"))
            let draft = try await appraise(
                #""policy_document":"[snp]\nmeasurements = [\"@web-1\"]\nproducts = \"Turin\"""#)
            #expect(draft.json["accepted"] as? Bool == false && draft.json["genuine"] as? Bool == true)
            #expect(try await appraise(#""policy":"none""#).problem == "not_found")
            #expect(try await appraise(#""policy":"web","workload":"app""#).problem == "malformed")
            let trail = try await api.administrator.auditRecords(after: 0, limit: 100).map(\.record)
            let tests = trail.filter { $0.contains("policy.test") }
            #expect(tests.count == 2 && tests[0].contains(#""accepted":"true""#))
            #expect(tests[1].contains(#""draft":"true""#) && tests[1].contains(#""failed":"policy.product""#))
        }
    }
}

@Suite("The life of reference values, over the API")
struct ReferenceLifeAPITests {
    private let old = Hex.encode(Simulated.measurement("old"))
    private let new = Hex.encode(Simulated.measurement("new"))
    private let set = "/api/v1/reference-values/web"

    private func values(_ reply: RunningServer.Reply) -> [[String: Any]] {
        reply.json["values"] as? [[String: Any]] ?? []
    }

    @Test("What is known of a value is kept and read back, with who put it in; what is read can be set again")
    func provenance() async throws {
        try await APIInProcess.run { api in
            let provenance =
                #"{"origin":"computed","tool":"kbs 1","files":[{"role":"firmware","name":"OVMF.fd","sha256":"\#(String(repeating: "ab", count: 32))","size":4}],"command_line":"a b","parameters":{"vcpus":"2"}}"#
            let body =
                #"{"kind":"measurement","values":[{"value":"\#(new)","provenance":\#(provenance)},"\#(old)"],"source":"CI"}"#
            let made = try await api.call("PUT", set, body)
            #expect(made.status == 201, "\(made.body)")
            let read = values(try await api.call("GET", set))
            let known = read.first?["provenance"] as? [String: Any]
            #expect(known?["command_line"] as? String == "a b" && known?["tool"] as? String == "kbs 1")
            #expect(((known?["files"] as? [[String: Any]])?.first)?["name"] as? String == "OVMF.fd")
            #expect(read.last?["provenance"] == nil && read.last?["by"] is String && read.last?["added"] is String)
            // As it was read, and then by hand without provenance, which stays.
            let again = String(
                decoding: try JSONSerialization.data(
                    withJSONObject: ["kind": "measurement", "values": read]), as: UTF8.self)
            #expect(try await api.call("PUT", set, again).status == 200)
            let byHand = try await api.call("PUT", set, #"{"kind":"measurement","values":["\#(new)"]}"#)
            #expect((values(byHand).first?["provenance"] as? [String: Any])?["tool"] as? String == "kbs 1")
            // Lists say less.
            let listed = try await api.call("GET", "/api/v1/reference-values").json["reference_values"]
            #expect(((listed as? [[String: Any]])?.first?["values"] as? [[String: Any]])?.first?["by"] == nil)
        }
    }

    @Test("The values of the release before count on for as long as is said, and no longer")
    func keepPrevious() async throws {
        try await APIInProcess.run { api in
            #expect(try await api.call("PUT", set, #"{"kind":"measurement","values":["\#(old)"]}"#).status == 201)
            let body = #"{"kind":"measurement","values":["\#(new)"],"keep_previous":86400}"#
            let both = try await api.call("PUT", set, body)
            #expect(values(both).map { $0["value"] as? String } == [new, old], "\(both.body)")
            #expect(values(both).first?["expires"] == nil)
            let end = try #require(values(both).last?["expires"] as? String)
            let expires = try Date(end, strategy: .iso8601)
            #expect((86_000...86_400).contains(expires.timeIntervalSinceNow))
            // A pipeline that runs twice prolongs nothing.
            #expect(values(try await api.call("PUT", set, body)).last?["expires"] as? String == end)
            let other = #"{"kind":"host_data","values":["\#(String(repeating: "1", count: 64))"],"keep_previous":60}"#
            #expect(try await api.call("PUT", set, other).problem == "invalid_field")
            #expect(try await api.call("PUT", set, body.replacing("86400", with: "0")).problem == "invalid_field")
        }
    }

    @Test("Values are retired: one, or all, for another set; what is not there is told")
    func retire() async throws {
        try await APIInProcess.run { api in
            let body = #"{"kind":"measurement","values":["\#(old)","\#(new)"]}"#
            for name in ["web", "next"] {
                #expect(try await api.call("PUT", "/api/v1/reference-values/\(name)", body).status == 201)
            }
            let one = try await api.call("PATCH", set, #"{"values":["\#(old)"],"after":0}"#)
            #expect((one.json["life"] as? String)?.contains("1 EXPIRED on") == true, "\(one.body)")
            #expect(values(one).last?["expires"] == nil)
            let marked = try await api.call("PATCH", set, #"{"superseded_by":"next"}"#)
            #expect(marked.json["superseded_by"] as? String == "next" && values(marked).last?["expires"] == nil)
            let all = try await api.call("PATCH", set, #"{"after":3600}"#)
            #expect(all.json["expires"] is String && all.json["superseded_by"] as? String == "next")
            let stranger = String(repeating: "1", count: 96)
            #expect(
                try await api.call("PATCH", set, #"{"values":["\#(stranger)"],"after":0}"#).problem == "not_found")
            for bad in [#"{}"#, #"{"values":["\#(old)"]}"#, #"{"values":["\#(old)"],"superseded_by":"next"}"#] {
                #expect(try await api.call("PATCH", set, bad).problem == "malformed", "\(bad)")
            }
            for bad in ["web", "none"] {
                #expect(
                    try await api.call("PATCH", set, #"{"superseded_by":"\#(bad)"}"#).problem == "invalid_field")
            }
            #expect(try await api.call("PATCH", "/api/v1/reference-values/x", #"{"after":0}"#).status == 404)
            let etag = all.headers.first(name: "ETag") ?? ""
            #expect(
                try await api.call("PATCH", set, #"{"after":0}"#, headers: [("If-Match", "\"1\"")]).status == 412)
            #expect(
                try await api.call("PATCH", set, #"{"after":0}"#, headers: [("If-Match", etag)]).status == 200)
        }
    }

    @Test("The history says who did what, and which values came and went, also of a set that is gone")
    func history() async throws {
        try await RunningServer.run { server in
            #expect(try await server.call("GET", "\(set)/history").status == 404)
            let admin = try await server.token(.admin)
            func call(_ method: String, _ body: String? = nil) async throws {
                let reply = try await server.call(method, set, body ?? "", token: admin)
                #expect((200..<300).contains(reply.status), "\(reply.body)")
            }
            try await call("PUT", #"{"kind":"measurement","values":["\#(old)"],"source":"one"}"#)
            try await call("PUT", #"{"kind":"measurement","values":["\#(new)"],"keep_previous":60}"#)
            try await call("PUT", #"{"kind":"measurement","values":["\#(new)"]}"#)
            try await call("DELETE")
            let reply = try await server.call("GET", "\(set)/history", token: admin)
            let changes = try #require(reply.json["changes"] as? [[String: Any]])
            func seen(_ index: Int, _ what: String) -> [String] {
                (changes[index][what] as? [[String: Any]] ?? []).compactMap { $0["value"] as? String }
            }
            #expect(changes.count == 4 && changes.allSatisfy { ($0["by"] as? String)?.hasPrefix("token:") == true })
            #expect(seen(0, "removed") == [new] && seen(1, "removed") == [old] && seen(1, "added").isEmpty)
            #expect(seen(2, "added") == [new] && seen(2, "redated") == [old] && seen(3, "added") == [old])
            #expect(changes[3]["source"] as? String == "one")
            let page = try await server.call("GET", "\(set)/history?limit=3", token: admin)
            let next = try #require(page.json["next"] as? String)
            let rest = try await server.call("GET", "\(set)/history?before=\(next)", token: admin)
            #expect((rest.json["changes"] as? [[String: Any]])?.count == 1)
            let auditor = try await server.token(.auditor)
            #expect(try await server.call("GET", "\(set)/history", token: auditor).status == 200)
            #expect(try await server.call("POST", "\(set)/values", "{}", token: auditor).status == 403)
            #expect(try await server.call("PATCH", set, "{}", token: auditor).status == 403)
        }
    }

    @Test("What a guest showed that was seen is added with where it was seen, and only that")
    func fromAttempt() async throws {
        try await RunningServer.run { server in
            let guest = try server.components("new")
            _ = try await guest.attest(try await guest.challenge())
            let attempts = try await server.call("GET", "/api/v1/attempts").json["attempts"]
            let id = try #require(((attempts as? [[String: Any]])?.first?["id"] as? Int))
            let detail = try await server.call("GET", "/api/v1/attempts/\(id)")
            #expect((detail.json["claims"] as? [String: Any])?["measurement"] as? String == new)
            let wrong = try await server.call("POST", "\(set)/values", #"{"attempt":\#(id),"value":"\#(old)"}"#)
            #expect(wrong.problem == "invalid_field")
            let made = try await server.call("POST", "\(set)/values", #"{"attempt":\#(id),"value":"\#(new)"}"#)
            #expect(made.status == 201 && values(made).map { $0["value"] as? String } == [new], "\(made.body)")
            let provenance = try #require(values(made).first?["provenance"] as? [String: Any])
            #expect(provenance["origin"] as? String == "seen")
            let parameters = try #require(provenance["parameters"] as? [String: String])
            #expect(parameters["attempt"] == "\(id)" && parameters["outcome"] == "accepted")
            let more = try await server.call(
                "POST", "\(set)/values", #"{"values":[{"value":"\#(old)","expires":"2036-01-01T00:00:00Z"}]}"#)
            #expect(more.status == 200 && values(more).count == 2)
            #expect(try await server.call("POST", "\(set)/values", #"{"attempt":999}"#).status == 404)
            let keys = try await server.call("POST", "\(set)/values", #"{"attempt":\#(id),"kind":"host_data"}"#)
            #expect(keys.problem == "invalid_field", "another kind than the set's")
            for bad in [#"{}"#, #"{"attempt":\#(id),"values":["\#(old)"]}"#] {
                #expect(try await server.call("POST", "\(set)/values", bad).problem == "malformed")
            }
            let trail = try await server.administrator().auditRecords(after: 0, limit: 100).map(\.record)
            #expect(trail.contains { $0.contains("reference.set") && $0.contains(#""attempt":"\#(id)""#) })
        }
    }

    @Test("On the command line what was seen is shown first, and taken only by who says that it is meant")
    func fromAttemptByCommand() async throws {
        try await RunningServer.run { server in
            let guest = try server.components("new")
            _ = try await guest.attest(try await guest.challenge())
            func add(_ options: String...) async throws -> Command.Result {
                try await Command.runAll(
                    ["reference", "add", "web", "--from-attempt", "1"] + options, environment: ["KBS_URL": server.base])
            }
            let asked = try await add()
            #expect(asked.status == 2 && asked.errors.contains("add --yes"), "\(asked)")
            #expect(asked.output.contains("measurement \(new)\n") && asked.output.contains("outcome     accepted"))
            #expect(try await server.call("GET", set).status == 404)
            let other = try await add("--yes", "--kind", "id_key")
            #expect(other.status == 2 && other.errors.contains("zeros"), "\(other)")
            let done = try await add("--yes")
            #expect(done.status == 0 && done.output.hasSuffix("kind measurement, version 1: 1 value.\n"), "\(done)")
        }
    }
}

@Suite("Policies and reference values, on the command line")
struct PolicyCommandTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: folder.file(name))
        return folder.file(name).path
    }

    /// On a data folder, or with the environment of a server.
    private func everything(_ kbs: ([String]) async throws -> Command.Result) async throws {
        let values = try write(
            "values.toml",
            "kind = \"measurement\"\nvalues = [\"\(Hex.encode(Simulated.measurement("app")))\"]\nsource = \"CI\"")
        let policy = try write("policy.toml", "description = \"The web\"\n[snp]\nmeasurements = [\"@web-1\"]\n")

        let early = try await kbs(["policy", "set", "web", policy])
        #expect(early.status != 0 && early.errors.contains("@web-1"))
        #expect(
            try await kbs(["reference", "set", "web-1", values]).output.contains(
                "kind measurement, version 1: 1 value."))
        #expect(
            try await kbs(["policy", "set", "web", policy]).output.contains("A guest gets what has the policy web"))
        #expect(
            try await kbs(["policy", "show", "web"]).output
                == "description = \"The web\"\n[snp]\nmeasurements = [\"@web-1\"]\n")
        #expect(try await kbs(["policy", "list"]).output.contains("The web"))
        #expect(try await kbs(["policy", "explain", "web"]).output.contains("@web-1 (1 value)"))
        #expect(try await kbs(["reference", "show", "web-1"]).output.contains("source   CI"))
        let listed = try await kbs(["reference", "list"]).output
        #expect(listed.hasSuffix("\nweb-1  measurement  1       never    by rules\n"), "\(listed)")

        let svn = try write("svn.toml", "kind = \"number\"\nvalues = [3, 4]")
        let number = try await kbs(["reference", "set", "svn", svn]).output
        #expect(
            number.contains("kind number") && number.contains("2 values.")
                && number.contains("No rule of a policy reads this kind."))
        let unread = try await kbs(["reference", "list"]).output
        #expect(unread.contains("no rule"), "\(unread)")
        #expect(try await kbs(["reference", "show", "svn"]).output.contains("\nvalue    4\nset by hand"))
        #expect(try await kbs(["reference", "remove", "svn"]).status == 0)

        #expect(try await kbs(["reference", "remove", "web-1"]).errors.contains("in_use"))
        #expect(try await kbs(["policy", "remove", "web"]).status == 0)
        #expect(try await kbs(["reference", "remove", "web-1"]).status == 0)
        #expect(try await kbs(["policy", "show", "web"]).errors.contains("not_found"))
    }

    @Test("On a data folder everything can be done")
    func local() async throws {
        let data = folder.file("data").path
        try await everything { try await Command.runAll($0 + ["--data", data]) }
    }

    @Test("Over HTTP everything can be done")
    func remote() async throws {
        let server = try await ServerProcess.start(folder)
        try await everything { try await Command.runAll($0, environment: ["KBS_URL": server.base]) }
    }

    @Test("Evidence in a file is held against a policy of a server, and against one in a file")
    func evidence() async throws {
        let server = try await ServerProcess.start(folder)
        func kbs(_ arguments: [String]) async throws -> Command.Result {
            try await Command.runAll(arguments, environment: ["KBS_URL": server.base])
        }
        let guest = try Simulated.guest("app")
        let report = folder.file("report.bin")
        try Data(try guest.template.signed(by: guest.signer)).write(to: report)
        let chain = folder.file("chain.pem")
        try Data(guest.certificates.map(\.pem).joined().utf8).write(to: chain)
        let text = "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("app")))\"]\n"
        #expect(try await kbs(["policy", "set", "web", try write("policy.toml", text)]).status == 0)

        let evidence = ["--report", report.path, "--certificates", chain.path]
        let unproven = try await kbs(["policy", "test", "web", "--report", report.path])
        #expect(unproven.status == 1 && unproven.output.contains("unproven  policy.measurement"))
        let accepted = try await kbs(["policy", "test", "web"] + evidence)
        #expect(accepted.status == 0 && accepted.output.contains("policy.measurement"), "\(accepted)")
        let draft = try write("draft.toml", text + "products = [\"Turin\"]")
        let refused = try await kbs(["policy", "test", draft] + evidence)
        #expect(refused.status == 1 && refused.output.contains("Genuine, but refused: policy.product."))
    }

    @Test("What a guest component sent is held against a policy, with its init data and what it is bound to")
    func guestComponents() async throws {
        let document = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n\n[data]\n\"policy.rego\" = \"package x\"\n"
        let measurement = Hex.encode(Simulated.measurement("app"))
        let policy = try write(
            "policy.toml", "[snp]\nmeasurements = [\"\(measurement)\"]\n[init_data]\n\"policy.rego\" = \"package x\"\n")
        let (initData, other) = (
            try write("initdata.toml", document), try write("other.toml", document + "# changed\n")
        )
        try await RunningServer.run { server in
            var guest = try server.components("app") { template in
                for (index, byte) in Simulated.digest(document).enumerated() { template.patches[0xC0 + index] = byte }
            }
            guest.initData = document
            let challenge = try await guest.challenge()
            let body = String(decoding: try guest.evidence(for: challenge), as: UTF8.self)
            func test(_ evidence: String, _ more: [String] = []) async throws -> Command.Result {
                let file = try write("evidence.json", evidence)
                return try await Command.runAll(
                    ["policy", "test", policy, "--report", file] + more, environment: ["KBS_URL": server.base])
            }
            let accepted = try await test(body)
            #expect(accepted.status == 0 && accepted.output.contains("policy.init_data"), "\(accepted)")
            #expect(accepted.output.contains("snp.report_data") && accepted.output.contains("snp.host_data"))
            let nonce = Data(repeating: 7, count: 32).base64EncodedString()
            let unbound = try await test(body.replacing(challenge.nonce.replacing("/", with: "\\/"), with: nonce))
            #expect(unbound.status == 1 && unbound.output.contains("Genuine, but refused: snp.report_data"))
            let both = try await test(body, ["--init-data", initData])
            #expect(both.status != 0 && both.errors.contains("init data of its own"))

            let message = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any]
            let whole = try #require(message?["tee-evidence"] as? [String: Any])
            for evidence in [whole, try #require(whole["primary_evidence"] as? [String: Any])] {
                let bare = String(decoding: try JSONSerialization.data(withJSONObject: evidence), as: UTF8.self)
                let lacking = try await test(bare)
                #expect(lacking.status == 1 && lacking.output.contains("Genuine, but refused: policy.init_data"))
                #expect(try await test(bare, ["--init-data", initData]).status == 0)
                let changed = try await test(bare, ["--init-data", other])
                #expect(changed.status == 1 && changed.output.contains("Genuine, but refused: snp.host_data"))
            }
        }
    }

    @Test(
        "Evidence of another kind is refused with what is taken", arguments: ["{}", "{\"tee-evidence\":{}}", "{", "[]"])
    func otherEvidence(_ evidence: String) async throws {
        try await RunningServer.run { server in
            let text = String(decoding: try JSONEncoder().encode(evidence), as: UTF8.self)
            let reply = try await server.call(
                "POST", "/api/v1/appraisals",
                #"{"policy_document":"[snp]\naccepts_any_measurement = true","evidence":\#(text)}"#)
            #expect(reply.status == 400 && reply.problem != nil, "\(reply.body)")
            let none = try await server.call(
                "POST", "/api/v1/appraisals", #"{"policy_document":"[snp]\naccepts_any_measurement = true"}"#)
            #expect(none.problem == "malformed" && none.body.contains("report and evidence"))
        }
    }

    @Test("A policy in a file is explained without a server or a data folder, and its faults are named")
    func explain() async throws {
        let open = try await Command.run(
            "policy", "explain", try write("open.toml", "[snp]\naccepts_any_measurement = true"))
        #expect(open.status == 0 && open.output.hasPrefix("WARNING: ANY genuine guest gets in"))
        let faulty = try await Command.run("policy", "explain", try write("faulty.toml", "\nmeasurement = \"x\""))
        #expect(faulty.status != 0 && faulty.errors.contains("line 2: `measurement` is not known"))
    }

    @Test("A real report is held against a policy of its measurement", .enabled(if: Vectors.arePresent))
    func real() async throws {
        let vector = try Vectors.snp("genoa-v3")
        let data = folder.file("data").path
        let report = Vectors.folder.appending(path: "vectors/\(vector.report)").path
        let vcek = Vectors.folder.appending(path: "vectors/\(vector.vek)").path
        let trust = Vectors.folder.appending(path: "trust/amd/genoa")
        func test(_ measurement: String) async throws -> Command.Result {
            let file = try write("real.toml", "[snp]\nmeasurements = [\"\(measurement)\"]\nproducts = \"Genoa\"")
            #expect(try await Command.run("policy", "set", "real", file, "--data", data).status == 0)
            return try await Command.run(
                "policy", "test", "real", "--report", report, "--certificates", vcek, "--certificates",
                trust.appending(path: "ask.pem").path, "--certificates", trust.appending(path: "ark.pem").path,
                "--data",
                data)
        }
        let accepted = try await test(vector.measurement)
        #expect(accepted.status == 0, "\(accepted.output)")
        let other = try await test(String(repeating: "a", count: 96))
        #expect(other.status == 1 && other.output.contains("Genuine, but refused: policy.measurement."))
    }

    @Test("A server whose agent's authorities cannot be read does not start, and says which setting it is")
    func authorities() async throws {
        let result = try await Command.run(
            "serve", "--listen", "127.0.0.1:0", "--data", folder.file("data").path, "--set",
            "policy.opa.url=https://opa.example.org", "--set", "policy.opa.ca=\(folder.file("none.pem").path)")
        #expect(result.status != 0 && result.errors.contains("policy.opa.ca"))
    }
}
