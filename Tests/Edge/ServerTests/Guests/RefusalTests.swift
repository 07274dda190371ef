import Administration
import Broker
import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import SimulatedHardware
import TestSupport
import Testing

@Suite("What is refused")
struct RefusalTests {
    private func registration(
        id: String = "app", measurement: String = String(repeating: "a", count: 96), configuration: String = "",
        secret: String = "s"
    ) throws -> String {
        String(
            decoding: try JSONEncoder().encode([
                "workload_id": id, "launch_measurement": measurement, "tee_config": configuration, "passphrase": secret,
            ]), as: UTF8.self)
    }

    @Test("Names that would take hours to put in order are refused by both dialects and the administration")
    func combiningMarks() async throws {
        let written = String(repeating: "\u{301}", count: 65_000) + String(repeating: "\u{316}", count: 65_000)
        let escaped = String(repeating: #"\u0301"#, count: 20_000) + String(repeating: #"\u0316"#, count: 20_000)
        try await RunningServer.run { server in
            try await server.register("app")
            let cookie = try await server.challengeCookie("app")
            let components = try await server.components().challenge().cookie
            for marks in [written, escaped] {
                let body = "{\"\(marks)\":1}"
                for (method, path, headers) in [
                    ("POST", "/kbs/v0/auth", []),
                    ("POST", "/kbs/v0/attest", [("Cookie", "kbs-session-id=\(components)")]),
                    ("POST", "/kbs/v0/attest", [("Cookie", "session_id=\(cookie)")]),
                    ("POST", "/kbs/v0/register_workload", []), ("PUT", "/api/v1/workloads/app", []),
                ] as [(String, String, [(String, String)])] {
                    let reply = try await server.send(
                        method, path, body.utf8, headers: headers + [("Content-Type", "application/json")])
                    #expect(reply.status == 400, "\(path): \(reply.body)")
                    #expect(reply.body.contains("combining marks"), "\(path): \(reply.body)")
                }
                // A4: without a cookie that this server made no body is read.
                for headers in [[], [("Cookie", "session_id=x")]] {
                    let reply = try await server.send("POST", "/kbs/v0/attest", body.utf8, headers: headers)
                    #expect(reply.status == 400 && reply.code == "challenge_invalid", "\(reply.body)")
                }
                let reply = try await server.send(
                    "POST", "/kbs/v0/attest", body.utf8, headers: [("Cookie", "kbs-session-id=x")])
                #expect(reply.status == 401 && reply.body.contains("challenge_invalid"), "\(reply.body)")
            }
        }
    }

    @Test("So are texts that hold JSON with such names, and credentials that are not ASCII")
    func combiningMarksWithin() async throws {
        let marks = String(repeating: #"\\u0301"#, count: 20_000)
        try await RunningServer.run { server in
            try await server.register("app")
            let attest = try await server.post(
                "/kbs/v0/attest", "{\"tee-evidence\":\"{\\\"\(marks)\\\":1}\"}",
                cookie: try await server.challengeCookie("app"))
            #expect(attest.status == 400 && attest.body.contains("tee-evidence"), "\(attest.body)")
            let guest = try await server.sendRaw(
                "GET", "/kbs/v0/resource/a/b/c", fields: [("Authorization", "Bearer e\u{301}.e.e")])
            #expect(guest.status == 401)
            let registrar = try await server.sendRaw(
                "GET", "/api/v1/workloads", fields: [("Authorization", "Bearer e\u{301}.e.e")])
            #expect(registrar.status == 401)
        }
    }

    @Test("A registration that cannot be used is refused with the field's name")
    func registrations() async throws {
        try await RunningServer.run { server in
            let bad: [(String, String)] = [
                ("not JSON", "JSON"), ("", "JSON"), ("[]", "wrong type"), ("{}", "workload_id"), ("null", "type"),
                (#"{"workload_id":"a","launch_measurement":"","tee_config":""}"#, "passphrase"),
                (#"{"workload_id":1,"launch_measurement":"","tee_config":"","passphrase":"x"}"#, "workload_id"),
                (try registration(id: ""), "workload_id"), (try registration(id: "a..b"), "workload_id"),
                (try registration(id: String(repeating: "x", count: 129)), "workload_id"),
                (try registration(id: "a b"), "workload_id"), (try registration(id: "ä"), "workload_id"),
                (try registration(measurement: ""), "empty"),
                (try registration(measurement: "xyz"), "launch_measurement"),
                (try registration(measurement: String(repeating: "a", count: 95)), "launch_measurement"),
                (try registration(measurement: String(repeating: "a", count: 128)), "launch_measurement"),
                (try registration(secret: ""), "passphrase"),
                (try registration(secret: String(repeating: "p", count: 246)), "245"),
                (
                    try registration(
                        measurement: String(repeating: "a", count: 64), secret: String(repeating: "p", count: 513)),
                    "512"
                ),
                (try registration(configuration: String(repeating: " ", count: 70_000)), "tee_config"),
                // A8: no restriction is dropped without a word.
                (try registration(configuration: #"{"flags":{"bits":19},"minfw":{"major":1,"minor":"55"}}"#), "minor"),
                (try registration(configuration: #"{"flags":{"bits":19}}"#), "minfw"),
                (try registration(configuration: #"{"flags":{"bits":65536},"minfw":{"major":1,"minor":55}}"#), "bits"),
                (try registration(configuration: #"{"minfw":{"major":1,"minor":55}}"#), "flags"),
            ]
            for (body, word) in bad {
                let reply = try await server.post("/kbs/v0/register_workload", body)
                #expect(reply.status == 400, "\(body.prefix(60)): \(reply.status)")
                #expect(reply.body.contains(word), "\(reply.body)")
            }
            for good in [
                try registration(), try registration(configuration: "{}"), try registration(configuration: "anything"),
                try registration(id: "A.b_c-d:e/f@g+1"), try registration(secret: String(repeating: "p", count: 245)),
                try registration(
                    measurement: String(repeating: "A", count: 64), secret: String(repeating: "p", count: 512)),
            ] {
                let reply = try await server.post("/kbs/v0/register_workload", good)
                #expect(reply.status == 200 && reply.body.hasPrefix("Registered "), "\(reply.body)")
            }
        }
    }

    @Test("Only callers from the registration networks may register, and none through a proxy or a browser")
    func networks() async throws {
        let body = try registration()
        try await RunningServer.run({ $0.registrationNetworks = try .init("192.0.2.0/24, 2001:db8::/32") }) { server in
            let reply = try await server.post("/kbs/v0/register_workload", body)
            #expect(reply.status == 403 && reply.code == "registration_forbidden")
            #expect(try await server.send("GET", "/api/v1/workloads").status == 403)
        }
        try await RunningServer.run({ $0.registrationNetworks = try .init("") }) { server in
            let reply = try await server.post("/kbs/v0/register_workload", body)
            #expect(reply.status == 403 && reply.body.contains("kbs workload"))
        }
        try await RunningServer.run { server in
            for header in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "Origin", "Sec-Fetch-Site"] {
                let reply = try await server.send(
                    "POST", "/kbs/v0/register_workload", body.utf8, headers: [(header, "203.0.113.7")])
                #expect(reply.status == 403, "\(header)")
            }
            #expect(try await server.send("GET", "/api/v1/workloads").body == #"{"workloads":[]}"#)
        }
    }

    @Test("Replacing can be switched off")
    func replacing() async throws {
        try await RunningServer.run({ $0.replacesWorkloads = false }) { server in
            #expect(try await server.post("/kbs/v0/register_workload", registration()).status == 200)
            let again = try await server.post("/kbs/v0/register_workload", registration(secret: "evil"))
            #expect(again.status == 409 && again.code == "workload_exists")
        }
    }

    @Test("Each call says what is wrong with it")
    func calls() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            func auth(_ body: String) async throws -> (Int, String) {
                let reply = try await server.post("/kbs/v0/auth", body)
                return (reply.status, reply.code)
            }
            #expect(try await auth(#"{"workload_id":"nobody"}"#) == (404, "workload_unknown"))
            #expect(try await auth(#"{"workload_id":"../etc"}"#) == (400, "invalid_field"))
            #expect(try await auth(#"{"tee":"tdx","extra-params":{"workload_id":"app"}}"#) == (400, "malformed"))
            #expect(try await auth(#"{"tee":"snp"}"#) == (400, "malformed"))
            #expect(try await auth(#"{"tee":"snp","extra-params":"{"}"#) == (400, "malformed"))

            let challenge = try await guest.challenge(over: server.transport)
            let evidence = String(decoding: try guest.evidence(for: challenge.nonce), as: UTF8.self)
            func attest(_ body: String, _ cookie: String?) async throws -> (Int, String) {
                let reply = try await server.post("/kbs/v0/attest", body, cookie: cookie)
                #expect(!reply.body.isEmpty, "an empty body would be taken for success")
                return (reply.status, reply.code)
            }
            #expect(try await attest(evidence, nil) == (400, "challenge_invalid"))
            #expect(try await attest(evidence, "AAAA") == (400, "challenge_invalid"))
            #expect(try await attest("{}", challenge.cookie) == (400, "malformed"))
            #expect(try await attest(#"{"tee-evidence":"{}"}"#, challenge.cookie) == (400, "malformed"))
            #expect(try await attest(evidence.replacing("milan", with: "rome"), challenge.cookie) == (400, "malformed"))
            #expect(
                try await attest(evidence.replacing("milan", with: "genoa"), challenge.cookie) == (
                    403, "evidence_refused"
                ))
            #expect(
                try await attest(evidence.replacing("k-mod", with: "k-mud"), challenge.cookie) == (400, "malformed"))
            let sev =
                #"{"tee-evidence":{"measure":\#([Int](repeating: 1, count: 32)),"mnonce":\#([Int](repeating: 1, count: 16))}}"#
            #expect(try await attest(sev, challenge.cookie) == (400, "tee_mismatch"))
            #expect(try await attest(sev.replacing("1", with: "256"), challenge.cookie) == (400, "malformed"))
            #expect(try await attest(sev.replacing("[1, ", with: "["), challenge.cookie) == (400, "malformed"))

            func key(_ id: String, _ cookie: String?) async throws -> RunningServer.Reply {
                try await server.send(
                    "GET", "/kbs/v0/key/\(id)", headers: cookie.map { [("Cookie", "session_id=\($0)")] } ?? [])
            }
            #expect(try await key("app", nil).status == 401)
            #expect(try await key("app", "made-up").code == "session_invalid")
            #expect(try await key("app", challenge.cookie).status == 401, "not attested yet")
            try await guest.attest(challenge, over: server.transport)
            #expect(try await attest(evidence, challenge.cookie) == (400, "challenge_used"))
            try await server.register("other")
            let (others, nobodys) = (
                try await key("other", challenge.cookie), try await key("nobody", challenge.cookie)
            )
            #expect(others.status == 404 && others.code == "key_unknown")
            #expect(others.body == nobodys.body)
            // Each request has its own time and id.
            func fixed(_ reply: RunningServer.Reply) -> [String] {
                reply.headers.filter { !["date", "x-request-id"].contains($0.name.canonicalName) }.map(\.value)
            }
            #expect(fixed(others) == fixed(nobodys))
        }
    }

    @Test("Paths and methods that do not exist are told apart, and the probe is answered as the reference does")
    func paths() async throws {
        try await RunningServer.run { server in
            #expect(try await server.send("GET", "/kbs/v0/").status == 401)
            for path in ["/", "/kbs", "/kbs/v1/auth", "/kbs/v0/authx", "/kbs/v0/key", "/etc/passwd", "/kbs/v0/auth/x"] {
                let reply = try await server.send("GET", path)
                #expect(reply.status == 404 && !reply.body.isEmpty, "\(path): \(reply.status)")
            }
            for (method, path) in [
                ("GET", "/kbs/v0/auth"), ("PUT", "/kbs/v0/attest"), ("DELETE", "/kbs/v0/register_workload"),
                ("POST", "/kbs/v0/key/app"), ("POST", "/kbs/v0/"), ("PATCH", "/api/v1/workloads"),
                ("POST", "/api/v1/workloads/app"),
            ] {
                let reply = try await server.send(method, path)
                #expect(
                    reply.status == 405 && reply.headers.first(name: "Allow") != nil,
                    "\(method) \(path): \(reply.status)")
            }
        }
    }

    @Test("Bad bytes get a clear error, and the server goes on")
    func badBytes() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let cookie = [("Cookie", "session_id=\(try await server.challengeCookie("app"))")]
            for path in ["/kbs/v0/auth", "/kbs/v0/attest", "/kbs/v0/register_workload"] {
                let tooLong = try await server.send("POST", path, Array(repeating: 0x20, count: 256 * 1_024 + 1))
                #expect(tooLong.status == 413, "\(path)")
                let ofText = cookie + [("Content-Type", "text/plain")]
                #expect(try await server.send("POST", path, "{}".utf8, headers: ofText).status == 415)
                let depth = 100_000
                for body in [
                    Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8),
                    Array(String(repeating: #"{"a":"#, count: 40_000).utf8),
                    [0xFF, 0xFE, 0x7B], Array(#"{"workload_id":"\#u{0}"}"#.utf8),
                    [0x7B, 0x22, 0xC3, 0x28, 0x22, 0x3A, 0x31, 0x7D],
                    Array(#"{"workload_id":1e999999}"#.utf8),
                    Array(
                        #"{"tee":"sev","extra-params":{"workload_id":"a","build":{"version":{"major":-1,"minor":1e400},"build":256}}}"#
                            .utf8),
                ] {
                    let reply = try await server.send("POST", path, body)
                    #expect(reply.status == 400 && !reply.body.isEmpty, "\(path): \(reply.status)")
                }
            }
            #expect(try await Simulated.guest("app").boot(over: server.transport) == Array("secret".utf8))
        }
    }

    @Test("A request that stops in the middle is hung up on, and so is one that never starts")
    func silence() async throws {
        try await RunningServer.run({
            $0.idleTimeout = 1
            ($0.limits.headerTimeout, $0.limits.bodyTimeout) = (1, 1)
        }) { server in
            for text in [
                "", "POST /kbs/v0/auth HT", "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\n",
                "POST /kbs/v0/auth HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"workload_id\":",
            ] {
                let hungUp = try await Self.isHungUp(server.port, after: text)
                #expect(hungUp, "\(text.prefix(30))")
            }
        }
    }

    @Test("Bytes that are no HTTP are answered or hung up on, not crashed on")
    func notHTTP() async throws {
        try await RunningServer.run { server in
            for text in [
                "\u{0}\u{1}\u{2}\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                "GET \(String(repeating: "a", count: 100_000)) HTTP/1.1\r\n\r\n",
                "POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                "POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "POST /kbs/v0/auth HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
                "GET /kbs/v0/ HTTP/1.1\r\n" + (0..<500).map { "h\($0): x\r\n" }.joined() + "\r\n",
            ] {
                let hungUp = try await Self.isHungUp(server.port, after: text)
                #expect(hungUp, "\(text.prefix(40))")
            }
            #expect(try await server.send("GET", "/kbs/v0/").status == 401)
        }
    }

    @Test("No secret, and nothing of one, is in any log line")
    func logs() async throws {
        try await RunningServer.run { server in
            let secret = "searchable-passphrase"
            try await server.register("app", secret: secret)
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            try await guest.attest(challenge, over: server.transport)
            _ = try await guest.fetchKey(cookie: challenge.cookie, over: server.transport)
            _ = try await server.post("/kbs/v0/register_workload", #"{"passphrase":"\#(secret)","workload_id":[]}"#)
            _ = try await server.post("/kbs/v0/register_workload", #"{"passphrase":"\#(secret)"#)
            let log = server.log.lines.joined(separator: "\n")
            #expect(log.contains("Released.") && log.contains("Attested."))
            #expect(!log.contains(secret) && !log.contains(Hex.encode(Array(secret.utf8))))
            #expect(!log.contains(challenge.cookie), "a cookie in a log is a key in a log")
        }
    }

    @Test("An operator sees which check failed, what was expected and what was found")
    func refusalLog() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            var guest = try Simulated.guest("app")
            guest.template.vmpl = 3
            let challenge = try await guest.challenge(over: server.transport)
            await #expect(throws: GuestTransport.Refused.self) {
                try await guest.attest(challenge, over: server.transport)
            }
            #expect(server.log.lines.contains { $0.contains("check.snp.vmpl") && $0.contains("expected 0, found 3") })
        }
    }

    /// Whether the server closes the connection soon after these bytes, and sends nothing that says 200.
    private static func isHungUp(_ port: Int, after text: String) async throws -> Bool {
        try await RawConnection.open(port) { connection in
            // It may have been hung up on before anything was sent.
            if !text.isEmpty { try? await connection.send(text) }
            let begun = ContinuousClock.now
            let received = await connection.receiveRest()
            // Later the test's own side gives up, and after ten minutes the server would too, whatever it was sent.
            return !received.contains("200 OK") && begun.duration(to: .now) < TestSocket.patience - .seconds(10)
        }
    }
}
