import Administration
import Broker
import BrokerSupport
import Bytes
import Concurrency
import Crypto
import EdgeSupport
import Evidence
import Foundation
import HTTP
import Installation
import Operators
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

extension RunningServer {
    /// A token for the running server, made on its data folder as an operator would.
    func token(_ role: Authority, lifetime: TimeInterval = 600) async throws -> String {
        try await administrator().createToken(role, description: "test", lifetime: lifetime).token
    }

    func administrator() async throws -> Administrator {
        try await BrokerAssembly(opening: settings).administrator
    }

    func call(
        _ method: String, _ path: String, _ body: String = "", token: String? = nil, headers: [(String, String)] = []
    ) async throws -> Reply {
        var headers = headers
        if let token { headers.append(("Authorization", "Bearer \(token)")) }
        if !body.isEmpty { headers.append(("Content-Type", "application/json")) }
        return try await send(method, path, body.utf8, headers: headers)
    }
}

extension RunningServer.Reply {
    /// The body, as JSON.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    /// The code of a problem document.
    var problem: String? {
        headers.first(name: "Content-Type") == "application/problem+json" ? json["code"] as? String : nil
    }
}

@Suite("Roles and credentials")
struct RoleTests {
    private let workload =
        #"{"id":"app","launch_measurement":"\#(String(repeating: "a", count: 96))","secret":"open sesame"}"#

    @Test("Each role may call what it is for, and gets 403 for the rest")
    func matrix() async throws {
        try await RunningServer.run { server in
            let admin = try await server.token(.admin)
            #expect(try await server.call("POST", "/api/v1/workloads", workload, token: admin).status == 201)
            let registrar = try await server.token(.registrar)
            let auditor = try await server.token(.auditor)
            let calls: [(String, String, String, Set<Role>)] = [
                ("GET", "/api/v1/workloads", "", [.admin, .registrar, .auditor]),
                ("GET", "/api/v1/workloads/app", "", [.admin, .registrar, .auditor]),
                ("PATCH", "/api/v1/workloads/app", #"{"disabled":false}"#, [.admin]),
                ("PUT", "/api/v1/workloads/app", workload, [.admin, .registrar]),
                ("GET", "/api/v1/sessions", "", [.admin, .auditor]),
                ("DELETE", "/api/v1/sessions?workload=app", "", [.admin]),
                ("GET", "/api/v1/attempts", "", [.admin, .auditor]),
                ("GET", "/api/v1/fleet", "", [.admin, .auditor]),
                ("GET", "/api/v1/audit", "", [.admin, .auditor]),
                ("GET", "/api/v1/audit/checkpoint", "", [.admin, .auditor]),
                ("GET", "/api/v1/endorsements", "", [.admin, .auditor]),
                ("GET", "/api/v1/denials", "", [.admin, .auditor]),
                ("PUT", "/api/v1/denials/chip/0102030405060708", #"{"reason":"leaked"}"#, [.admin]),
                ("GET", "/api/v1/status", "", [.admin, .auditor]),
                ("GET", "/api/v1/settings", "", [.admin]),
                ("GET", "/api/v1/tokens", "", [.admin]),
                ("POST", "/api/v1/tokens", #"{"role":"auditor"}"#, [.admin]),
            ]
            for (method, path, body, allowed) in calls {
                for (role, token) in [(Role.admin, admin), (.registrar, registrar), (.auditor, auditor)] {
                    let reply = try await server.call(method, path, body, token: token)
                    if allowed.contains(role) {
                        #expect(reply.status < 300, "\(role) \(method) \(path): \(reply.status) \(reply.body)")
                    } else {
                        #expect(reply.status == 403 && reply.problem == "forbidden", "\(role) \(method) \(path)")
                    }
                }
                let nobody = try await server.call(method, path, body)
                #expect(nobody.status == 401 && nobody.problem == "unauthenticated", "\(method) \(path)")
                #expect(nobody.headers["WWW-Authenticate"].count == 2)
            }
        }
    }

    @Test("The reference's registration needs the registrar's role, and takes the token as a Basic password")
    func registration() async throws {
        try await RunningServer.run { server in
            let body = String(
                decoding: try JSONEncoder().encode([
                    "workload_id": "app", "launch_measurement": String(repeating: "a", count: 96), "tee_config": "",
                    "passphrase": "s",
                ]), as: UTF8.self)
            let path = "/kbs/v0/register_workload"
            #expect(try await server.call("POST", path, body).status == 200, "a fresh installation on loopback")
            let registrar = try await server.token(.registrar)
            let auditor = try await server.token(.auditor)
            let nobody = try await server.call("POST", path, body)
            #expect(nobody.status == 401 && nobody.code == "unauthenticated")
            #expect(nobody.headers.first(name: "Content-Type")?.hasPrefix("text/plain") == true)
            #expect(nobody.headers["WWW-Authenticate"].count == 2, "some clients wait to be asked")
            func basic(_ password: String) -> [(String, String)] {
                [("Authorization", "Basic " + Data("buildah:\(password)".utf8).base64EncodedString())]
            }
            #expect(try await server.call("POST", path, body, headers: basic(registrar)).status == 200)
            #expect(try await server.call("POST", path, body, headers: basic(auditor)).status == 403)
            #expect(try await server.call("POST", path, body, headers: basic("wrong")).status == 401)
            #expect(try await server.call("POST", path, body, token: registrar).status == 200)
            for header in ["Basic !", "Basic", "Bearer", "Digest x", "", "Bearer  ", "Basic " + "bm9jb2xvbg=="] {
                let reply = try await server.call("POST", path, body, headers: [("Authorization", header)])
                #expect(reply.status == 401, "\(header)")
            }
        }
    }

    @Test("A token that is forged, altered, expired or revoked is refused")
    func badTokens() async throws {
        try await RunningServer.run { server in
            let good = try await server.token(.admin)
            let brief = try await server.token(.admin, lifetime: 1)
            let other = try await server.token(.admin)
            func status(_ token: String) async throws -> Int {
                try await server.call("GET", "/api/v1/status", token: token).status
            }
            #expect(try await status(good) == 200)
            let last = good.hasSuffix("A") ? "B" : "A"
            #expect(try await status(good.dropLast() + last) == 401, "another secret")
            #expect(try await status("kbs_000000000000_" + good.suffix(43)) == 401, "an id that is not there")
            let mixed = good.prefix(17) + other.suffix(43)
            #expect(try await status(String(mixed)) == 401, "another token's secret")
            try await Task.sleep(for: .seconds(2))
            let expired = try await server.call("GET", "/api/v1/status", token: brief)
            #expect(expired.status == 401 && expired.body.contains("has expired"))
            let id = String(other.dropFirst(4).prefix(12))
            #expect(try await server.call("DELETE", "/api/v1/tokens/\(id)", token: good).status == 204)
            let revoked = try await server.call("GET", "/api/v1/status", token: other)
            #expect(revoked.status == 401 && revoked.body.contains("was revoked"))
            #expect(try await server.call("DELETE", "/api/v1/tokens/\(id)", token: good).status == 404)
            #expect(try await status(good) == 200)
        }
    }

    @Test("Once there was a token, revoking all of them does not open the administration again")
    func staysClosed() async throws {
        try await RunningServer.run { server in
            #expect(try await server.call("GET", "/api/v1/workloads").status == 200)
            let token = try await server.token(.admin)
            try await server.administrator().revokeToken(String(token.dropFirst(4).prefix(12)))
            #expect(try await server.call("GET", "/api/v1/workloads").status == 401)
        }
    }

    @Test("Who guesses at a token must wait; who has the right one, or another, at the same address need not")
    func bruteForce() async throws {
        try await RunningServer.run { server in
            let (token, other) = (try await server.token(.admin), try await server.token(.admin))
            let wrong = token.prefix(17) + String(repeating: "x", count: 43)
            for _ in 0..<6 {
                #expect(try await server.call("GET", "/api/v1/status", token: String(wrong)).status == 401)
            }
            // Each further one costs twice the wait; on a busy machine a short one is over before the next call.
            var slowed = try await server.call("GET", "/api/v1/status", token: String(wrong))
            func wait() -> Int { slowed.headers.first(name: "Retry-After").flatMap { Int($0) } ?? 0 }
            while wait() < 4 {
                try await Task.sleep(for: .seconds(wait()))
                slowed = try await server.call("GET", "/api/v1/status", token: String(wrong))
            }
            #expect(slowed.status == 429 && slowed.problem == "rate_limited")
            // F8: who guesses locks nobody out, whatever address they share.
            #expect(try await server.call("GET", "/api/v1/status", token: token).status == 200)
            #expect(try await server.call("GET", "/api/v1/status", token: other).status == 200)
        }
    }

    @Test("A fresh server is administered under its own address only: not by a page that gives itself this one's")
    func rebinding() async throws {
        try await RunningServer.run { server in
            for host in ["evil.example:8080", "evil.example", "192.0.2.1", "localhost.evil.example", "127.0.0.1.evil"] {
                let reply = try await server.sendRaw("GET", "/api/v1/workloads", fields: [("Host", host)])
                #expect(reply.status == 403 && reply.problem == "registration_forbidden", "\(host)")
            }
            for host in ["localhost:8080", "127.0.0.1", "[::1]:8080", "127.1.2.3:80"] {
                let reply = try await server.sendRaw("GET", "/api/v1/workloads", fields: [("Host", host)])
                #expect(reply.status == 200, "\(host)")
            }
            let token = try await server.token(.auditor)
            let named = try await server.sendRaw(
                "GET", "/api/v1/workloads",
                fields: [("Host", "kbs.example.org"), ("Authorization", "Bearer \(token)")])
            #expect(named.status == 200, "with credentials any name will do")
        }
    }

    @Test("Denials are recorded with who and what, and never with the credential")
    func denials() async throws {
        try await RunningServer.run { server in
            let token = try await server.token(.auditor)
            _ = try await server.call("POST", "/api/v1/tokens", #"{"role":"admin"}"#, token: token)
            _ = try await server.call("GET", "/api/v1/status", token: "kbs_000000000000_" + token.suffix(43))
            let store = try await DataFolder(server.settings.dataFolder).store
            let denied = try await store.trail().filter { $0["action"] == "access.deny" }
            #expect(denied.map { $0["code"] } == ["forbidden", "unauthenticated"])
            #expect(denied.first?["actor"] == "token:\(token.dropFirst(4).prefix(12))")
            #expect(denied.first?["request"] == "POST /api/v1/tokens")
            let everything = try await store.auditEntries(after: 0, limit: 1_000).map(\.record).joined()
            #expect(!everything.contains(token.suffix(43)))
            #expect(!server.log.lines.joined().contains(token.suffix(43)))
        }
    }

    @Test("An auditor's forbidden requests are recorded up to a number, and then counted; A15")
    func manyDenials() async throws {
        try await RunningServer.run { server in
            let token = try await server.token(.auditor)
            for _ in 0..<300 {
                let reply = try await server.call("POST", "/api/v1/tokens", #"{"role":"admin"}"#, token: token)
                #expect(reply.status == 403)
            }
            let broker = try await DataFolder(server.settings.dataFolder)
            let denied = try await broker.store.trail().count { $0["action"] == "access.deny" }
            #expect((ActorBudgets.perMinute...ActorBudgets.perMinute + 20).contains(denied))
        }
    }

    @Test("The settings can be read by an admin, and hold no secret")
    func settings() async throws {
        try await RunningServer.run { server in
            let reply = try await server.call("GET", "/api/v1/settings", token: try await server.token(.admin))
            #expect(reply.status == 200 && reply.json["settings"] is [String: Any])
        }
    }
}

@Suite("JWTs of an identity provider")
struct JWTTests {
    private struct Token: Encodable {
        var iss = "https://id.example.org"
        var aud = "kbs"
        var sub = "alice"
        var exp: Date? = Date(timeIntervalSinceNow: 300)
        var nbf: Date? = nil
        var kbs_role: String? = "registrar"
        var groups: [String]? = nil
    }

    /// A key pair, with its public half as the provider publishes it.
    private struct Provider {
        let key = P256.Signing.PrivateKey()
        let jwks: String

        init(kid: String) async throws {
            let point = key.publicKey.rawRepresentation
            jwks =
                #"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"\#(kid)","x":"\#(point.prefix(32).base64URL)","y":"\#(point.suffix(32).base64URL)"},{"kty":"OKP","crv":"X9","kid":"odd"}]}"#
        }

        func sign(_ token: Token, kid: String) async throws -> String {
            let encoder = JSONEncoder()
            encoder.dateEncodingStrategy = .secondsSince1970
            let header = Array(#"{"alg":"ES256","kid":"\#(kid)","typ":"JWT"}"#.utf8).base64URL
            let signed = "\(header).\(try encoder.encode(token).base64URL)"
            let signature = try key.signature(for: SHA256.hash(data: Array(signed.utf8)))
            return "\(signed).\(signature.rawRepresentation.base64URL)"
        }
    }

    private func with(
        _ change: @escaping (inout Settings) -> Void = { _ in },
        _ body: (RunningServer, Provider) async throws -> Void
    ) async throws {
        let provider = try await Provider(kid: "k1")
        let folder = try TemporaryFolder()
        let file = folder.file("jwks.json")
        try Data(provider.jwks.utf8).write(to: file)
        try await RunningServer.run { settings in
            settings.jwt = JWTIssuer(
                issuer: "https://id.example.org", audience: "kbs", keys: file.path(percentEncoded: false))
            change(&settings)
        } _: { server in
            try await body(server, provider)
        }
        _ = folder
    }

    @Test("A good JWT has the role that its claim names")
    func good() async throws {
        try await with { server, provider in
            let token = try await provider.sign(Token(), kid: "k1")
            #expect(try await server.call("GET", "/api/v1/workloads", token: token).status == 200)
            #expect(try await server.call("GET", "/api/v1/tokens", token: token).status == 403)
            #expect(try await server.call("GET", "/api/v1/workloads").status == 401, "no longer open to all")
            let store = try await DataFolder(server.settings.dataFolder).store
            let actor = try await store.trail().last { $0["code"] == "forbidden" }?["actor"]
            #expect(actor == "jwt:alice from https://id.example.org")
        }
    }

    @Test("What an identity provider calls its groups can be told the role")
    func mapped() async throws {
        try await with {
            $0.jwt.roleClaim = "groups"
            $0.jwt.roles = ["kbs-admins": .admin, "ci": .registrar]
        } _: { server, provider in
            var token = Token()
            token.groups = ["staff", "ci", "kbs-admins"]
            let admin = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/tokens", token: admin).status == 200)
            token.groups = ["admin", "staff"]
            let none = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/workloads", token: none).status == 403)
        }
    }

    @Test("A claim's value may be a role with a scope, and several count together")
    func scoped() async throws {
        try await with {
            $0.jwt.roleClaim = "groups"
        } _: { server, provider in
            var token = Token()
            token.groups = ["registrar:team-a/", "auditor"]
            let lead = try await provider.sign(token, kid: "k1")
            func status(_ path: String) async throws -> Int {
                try await server.send(
                    "PUT", "/api/v1/resources/\(path)", [1], headers: [("Authorization", "Bearer \(lead)")]
                ).status
            }
            #expect(try await status("team-a/key/1") == 201)
            #expect(try await status("team-b/key/1") == 403)
            #expect(try await server.call("GET", "/api/v1/fleet", token: lead).status == 200)
            token.groups = ["registrar:team-a"]
            let odd = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/workloads", token: odd).status == 403)
        }
    }

    @Test("A group in other bytes has no role, though it looks the same")
    func lookAlike() async throws {
        try await with {
            $0.jwt.roleClaim = "groups"
            $0.jwt.roles = ["KBS-admins": .admin]
        } _: { server, provider in
            var token = Token()
            token.groups = ["\u{212A}BS-admins"]
            let other = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/tokens", token: other).status == 403)
            token.groups = ["KBS-admins"]
            let admin = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/tokens", token: admin).status == 200)
        }
    }

    @Test("A JWT that is not exactly right is refused")
    func bad() async throws {
        try await with { server, provider in
            func status(_ change: (inout Token) -> Void) async throws -> Int {
                var token = Token()
                change(&token)
                return try await server.call(
                    "GET", "/api/v1/workloads", token: try await provider.sign(token, kid: "k1")
                ).status
            }
            let good = try await status { _ in }
            #expect(good == 200)
            #expect(try await status { $0.iss = "https://id.example.com" } == 401)
            #expect(try await status { $0.aud = "other" } == 401)
            #expect(try await status { $0.exp = Date(timeIntervalSinceNow: -60) } == 401)
            #expect(try await status { $0.exp = nil } == 401)
        }
    }

    @Test("A JWT that is not valid yet, or names no role, is refused")
    func early() async throws {
        try await with { server, provider in
            var token = Token()
            token.nbf = Date(timeIntervalSinceNow: 120)
            let early = try await provider.sign(token, kid: "k1")
            #expect(try await server.call("GET", "/api/v1/workloads", token: early).status == 401)
            for role in ["root", "", nil] {
                token = Token()
                token.kbs_role = role
                let odd = try await provider.sign(token, kid: "k1")
                #expect(try await server.call("GET", "/api/v1/workloads", token: odd).status == 403)
            }
        }
    }

    @Test("A JWT by another key, without a signature or with an algorithm that is no one's is refused")
    func forged() async throws {
        try await with { server, provider in
            let forger = try await Provider(kid: "k1")
            let good = try await provider.sign(Token(), kid: "k1")
            let parts = good.split(separator: ".").map(String.init)
            func encoded(_ text: String) -> String {
                Data(text.utf8).base64EncodedString().replacing("=", with: "").replacing("+", with: "-")
                    .replacing("/", with: "_")
            }
            let unsigned = encoded(#"{"alg":"none","kid":"k1","typ":"JWT"}"#)
            let forgeries = [
                try await forger.sign(Token(), kid: "k1"), "\(parts[0]).\(parts[1]).",
                "\(unsigned).\(parts[1]).", "\(unsigned).\(parts[1]).\(parts[2])",
                "\(parts[0]).\(encoded(#"{"iss":"https://id.example.org","aud":"kbs","exp":9999999999,"kbs_role":"admin"}"#)).\(parts[2])",
            ]
            for forgery in forgeries {
                #expect(try await server.call("GET", "/api/v1/workloads", token: forgery).status == 401)
            }
        }
        try await with { server, provider in
            let other = try await Provider(kid: "unknown")
            let token = try await other.sign(Token(), kid: "unknown")
            let reply = try await server.call("GET", "/api/v1/workloads", token: token)
            #expect(reply.status == 401 && reply.body.contains("does not publish"))
        }
    }

    @Test("What a stranger writes into a token's body is not read, however deep it is")
    func unread() async throws {
        try await with { server, provider in
            func part(_ text: String) -> String {
                Data(text.utf8).base64EncodedString().replacing("=", with: "").replacing("+", with: "-")
                    .replacing("/", with: "_")
            }
            let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
            for body in [deep, "not JSON", ""] {
                let token = "\(part(#"{"alg":"ES256","kid":"k1"}"#)).\(part(body)).AAAA"
                let reply = try await server.call("GET", "/api/v1/workloads", token: token)
                #expect(reply.status == 401 && reply.body.contains("is not signed by the key"))
            }
            for header in [
                "", "[]", #"{"alg":"ES256"}"#, #"{"alg":"ES256","kid":5}"#, deep,
                #"{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}"#,
                #"{"kid":"\#(String(repeating: "k", count: 2_000))"}"#,
            ] {
                let reply = try await server.call(
                    "GET", "/api/v1/workloads", token: "\(part(header)).\(part("{}")).AAAA")
                #expect(reply.status == 401, "\(header.prefix(40))")
            }
            let good = try await provider.sign(Token(), kid: "k1")
            #expect(try await server.call("GET", "/api/v1/workloads", token: good).status == 200)
        }
    }

    @Test("A key without an algorithm has one of its own: a token cannot choose it for those after")
    func pinnedAlgorithm() async throws {
        let provider = try await Provider(kid: "k1")
        let folder = try TemporaryFolder()
        let file = folder.file("jwks.json")
        try Data(provider.jwks.replacing(#""alg":"ES256","#, with: "").utf8).write(to: file)
        try await RunningServer.run {
            $0.jwt = JWTIssuer(
                issuer: "https://id.example.org", audience: "kbs", keys: file.path(percentEncoded: false))
        } _: { server in
            for algorithm in ["ES512", "PS512", "none", "HS256"] {
                let header = Data(#"{"alg":"\#(algorithm)","kid":"k1"}"#.utf8).base64EncodedString()
                    .replacing("=", with: "")
                #expect(try await server.call("GET", "/api/v1/workloads", token: "\(header).e30.AAAA").status == 401)
            }
            for _ in 0..<8 { _ = try await server.call("GET", "/api/v1/workloads", token: "a.b.c") }
            let good = try await provider.sign(Token(), kid: "k1")
            #expect(
                try await server.call("GET", "/api/v1/workloads", token: good).status == 200, "and nobody is locked out"
            )
        }
        _ = folder
    }

    @Test("A provider's new key is fetched when it is met, and its absence locks nobody out who was known")
    func rollover() async throws {
        let first = try await Provider(kid: "k1")
        let jwks = Lock(first.jwks)
        try await StandInService.run { _, _ in
            StandInService.bytes(Array(jwks.withLock { $0 }.utf8))
        } _: { service, base in
            try await RunningServer.run {
                $0.jwt = JWTIssuer(issuer: "https://id.example.org", audience: "kbs", keys: "\(base)/keys")
            } _: { server in
                let token = try await first.sign(Token(), kid: "k1")
                for _ in 0..<3 {
                    #expect(try await server.call("GET", "/api/v1/workloads", token: token).status == 200)
                }
                #expect(service.asked == ["/keys"], "asked once")
                jwks.withLock { $0 = "not JSON" }
                #expect(try await server.call("GET", "/api/v1/workloads", token: token).status == 200)
            }
            jwks.withLock { $0 = "not JSON" }
            try await RunningServer.run {
                $0.jwt = JWTIssuer(issuer: "https://id.example.org", audience: "kbs", keys: "\(base)/keys")
            } _: { server in
                let token = try await first.sign(Token(), kid: "k1")
                let reply = try await server.call("GET", "/api/v1/workloads", token: token)
                #expect(reply.status == 503 && reply.problem == "unavailable")
            }
        }
    }
}
