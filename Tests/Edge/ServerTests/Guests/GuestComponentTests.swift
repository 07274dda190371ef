import Broker
import BrokerSupport
import Bytes
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import Installation
import Server
import SimulatedHardware
import TestSupport
import Testing

/// What a test of guest components needs of a server.
extension RunningServer {
    /// A guest on the tests' SNP platform.
    func components(
        _ name: String = "guest", key: GuestComponentKey = .elliptic,
        _ change: (inout ReportTemplate) -> Void = { _ in }
    ) throws -> GuestComponents {
        let platform = try Simulated.snp
        var template = ReportTemplate(of: platform, tcb: Simulated.tcb)
        template.measurement = Simulated.measurement(name)
        change(&template)
        let signer = try Simulated.vcek
        return GuestComponents(
            .snp(template, signer, certificates: [signer.certificate, platform.ask, platform.ark]), key: key,
            base: base)
    }

    func setPolicy(_ name: String, _ document: String) async throws {
        let body = String(decoding: try JSONEncoder().encode(["document": document]), as: UTF8.self)
        let set = try await send(
            "PUT", "/api/v1/policies/\(name)", body.utf8, headers: [("Content-Type", "application/json")])
        try #require([200, 201].contains(set.status), "\(set.body)")
    }

    /// Puts a resource as `kbs-client` does, and lets guests of a measurement have it.
    func put(_ path: String, _ bytes: String = "secret", for name: String? = "guest", named policy: String = "guests")
        async throws
    {
        if let name {
            try await setPolicy(policy, "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement(name)))\"]")
        }
        let put = try await send(
            "POST", "/kbs/v0/resource/\(path)", bytes.utf8, headers: [("Content-Type", "application/octet-stream")])
        try #require(put.status == 200, "\(put.body)")
        if name != nil {
            let assigned = try await send(
                "PATCH", "/api/v1/resources/\(path)", "{\"policy\":\"\(policy)\"}".utf8,
                headers: [("Content-Type", "application/json")])
            try #require(assigned.status == 200, "\(assigned.body)")
        }
    }
}

/// Runs something that must be refused.
func refusal(_ body: () async throws -> Void) async throws -> GuestComponents.Refused {
    do { try await body() } catch let refused as GuestComponents.Refused { return refused }
    Issue.record("This was not refused.")
    throw CancellationError()
}

@Suite("Confidential Containers' guest components")
struct GuestComponentTests {
    @Test(
        "A guest attests and gets what its policy gives it, with a key of each kind",
        arguments: ["P-256", "P-521", "RSA"])
    func resource(_ kind: String) async throws {
        let key: GuestComponentKey =
            switch kind {
            case "P-256": .elliptic
            case "P-521": .large
            default: try .rsa()
            }
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let got = try await server.components(key: key).get("default/key/1")
            #expect(got.resource == Array("a key".utf8))
            #expect(got.attestations == 1)
        }
    }

    @Test("A report of every version in the field attests, as fields; C3", arguments: [2, 3, 4, 5] as [UInt32])
    func reportVersions(_ version: UInt32) async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let guest = try server.components {
                $0.version = version
                $0.mitigations = (current: 3, launch: 1)
            }
            let got = try await guest.get("default/key/1")
            #expect(got.resource == Array("a key".utf8))
        }
    }

    @Test("A guest with the bearer token alone gets the same (passport mode)")
    func passport() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            let resource = try await guest.fetch("default/key/1", token: token)
            #expect(resource == Array("a key".utf8))
        }
    }

    @Test("A guest with long init data gets a token that it can come back with, and the claims are kept all the same")
    func passportWithInitData() async throws {
        let document =
            "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"policy.rego\" = '''\n"
            + String(repeating: "allow = true # \"always\"\n", count: 1_250) + "'''\n\"aa.toml\" = \"x\"\n"
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let rules =
                "init_data_open = true\n[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("guest")))\"]\n[init_data]\n\"aa.toml\" = \"x\""
            try await server.setPolicy("guests", rules)
            let digest = Array(SHA256.hash(data: Data(document.utf8)))
            var guest = try server.components { template in
                for (index, byte) in digest.enumerated() { template.patches[0xC0 + index] = byte }
            }
            guest.initData = document
            let token = try await guest.attest(try await guest.challenge())
            #expect(document.utf8.count > 30_000 && token.utf8.count < 8_000)
            #expect(try Self.claims(token).contains("\"init_data\":\"\(Hex.encode(digest))\""))
            let resource = try await guest.fetch("default/key/1", token: token)
            #expect(resource == Array("a key".utf8))
        }
    }

    @Test("Init data of 300 KB pass once the cookie is good, and longer evidence than limits.evidence never does; C13")
    func veryLongInitData() async throws {
        let document =
            "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"policy.rego\" = '''\n"
            + String(repeating: "allow = true # always\n", count: 14_000) + "'''\n"
        #expect(document.utf8.count > 306_000)
        try await RunningServer.run({ $0.limits.evidence = 400_000 }) { server in
            let digest = Array(SHA256.hash(data: Data(document.utf8)))
            var guest = try server.components { template in
                for (index, byte) in digest.enumerated() { template.patches[0xC0 + index] = byte }
            }
            guest.initData = document
            let challenge = try await guest.challenge()
            let body = try guest.evidence(for: challenge)
            #expect(try await guest.attest(challenge, body).isEmpty == false)
            // Without the cookie, and with one that is made up, nothing of it is read.
            for (cookie, status) in [("", 413), ("kbs-session-id=\(String(repeating: "A", count: 72))", 401)] {
                let fields = [("Content-Type", "application/json"), ("Cookie", cookie), ("Content-Length", "400000")]
                let reply = try await server.sendRaw("POST", "/kbs/v0/attest", fields: fields)
                #expect(reply.status == status, "\(cookie): \(reply.body)")
            }
            let fields = [("Cookie", "kbs-session-id=\(challenge.cookie)"), ("Content-Length", "400001")]
            #expect(try await server.sendRaw("POST", "/kbs/v0/attest", fields: fields).status == 413)
        }
    }

    @Test("A guest that starts with a stale token attests, and goes on with the new one")
    func staleToken() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let got = try await server.components().getWithToken("default/key/1", startingWith: "stale")
            #expect(got.resource == Array("a key".utf8))
            #expect(got.attestations == 1)
        }
    }

    @Test("Evidence without the cookie is refused in this dialect's form")
    func noCookie() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let evidence = try guest.evidence(for: try await guest.challenge())
            let reply = try await server.post("/kbs/v0/attest", String(decoding: evidence, as: UTF8.self))
            #expect(reply.status == 401)
            #expect(reply.body.contains("\"type\":\"urn:swift-kbs:problem:challenge_invalid\""))
        }
    }

    @Test("Without a good cookie any answer is refused in this dialect's form, however long its init data")
    func noCookieFirst() async throws {
        let long = #"{"format":"toml","body":"\#(String(repeating: "x", count: 5_000))"}"#
        try await RunningServer.run { server in
            for (cookie, body) in [
                (nil, #"{"init-data":\#(long),"runtime-data":{},"tee-evidence":{}}"#),
                ("x", #"{"runtime-data":{"nonce":"%"}}"#), ("x", "not JSON"),
            ] as [(String?, String)] {
                let reply = try await server.send(
                    "POST", "/kbs/v0/attest", body.utf8,
                    headers: [("Content-Type", "application/json")]
                        + (cookie.map { [("Cookie", "kbs-session-id=\($0)")] } ?? []))
                #expect(reply.status == 401, "\(body.prefix(40)): \(reply.body)")
                #expect(reply.body.contains("urn:swift-kbs:problem:challenge_invalid"), "\(reply.body)")
            }
        }
    }

    @Test("Nothing else of an answer is read unless it is one: the nonce first")
    func nonceFirst() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let (mine, other) = (try await guest.challenge(), try await guest.challenge())
            let evidence = String(decoding: try guest.evidence(for: other), as: UTF8.self)
            let body = Data(evidence.replacing("\"tee-pubkey\":{", with: "\"tee-pubkey\":{\"d\":\"x\",").utf8)
            let early = try await refusal { _ = try await guest.attest(mine, body) }
            #expect(early.type == "urn:swift-kbs:problem:challenge_invalid")
            let late = try await refusal { _ = try await guest.attest(other, body) }
            #expect(late.type == "urn:swift-kbs:problem:malformed")
        }
    }

    @Test("A guest that is attested already is answered with the same token")
    func sameToken() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let challenge = try await guest.challenge()
            let (first, second) = (try await guest.attest(challenge), try await guest.attest(challenge))
            #expect(first == second)
        }
    }

    @Test("A guest of another measurement is told that policy refuses, finally")
    func otherMeasurement() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let refused = try await refusal { _ = try await server.components("other").get("default/key/1") }
            #expect(refused.status == 403)
            #expect(refused.detail != nil)
        }
    }

    @Test("A resource without a policy goes to nobody")
    func noPolicy() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1", for: nil)
            let refused = try await refusal { _ = try await server.components().get("default/key/1") }
            #expect(refused.status == 403)
        }
    }

    @Test("What does not exist is not found, and so is another plugin")
    func missing() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let challenge = try await guest.challenge()
            _ = try await guest.attest(challenge)
            for path in ["default/key/none", "default/key", "default/key/a/b", "default/../x"] {
                let refused = try await refusal { _ = try await guest.fetch(path, cookie: challenge.cookie) }
                #expect(refused.status == 404)
                #expect(refused.detail != nil)
            }
            let plugin = try await server.send("GET", "/kbs/v0/pkcs11/wrap-key")
            #expect(plugin.status == 404)
            #expect(plugin.body.contains("\"detail\""))
        }
    }

    @Test("Without a session, or with one that has ended, a guest is told to attest again, and does")
    func endedSession() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let guest = try server.components()
            let refused = try await refusal { _ = try await guest.fetch("default/key/1") }
            #expect(refused.status == 401)
            let got = try await guest.get("default/key/1", startingWith: "stale")
            #expect(got.attestations == 1)
        }
    }

    @Test("A token of an ended session is worth nothing any more")
    func endedToken() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            let chip = Hex.encode(try Simulated.snp.chipID)
            let ended = try await server.send("DELETE", "/api/v1/sessions?chip=\(chip)")
            #expect(ended.status == 200)
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 401)
        }
    }

    @Test(
        "Another version of the protocol is refused with 401 and what is spoken",
        arguments: ["0.1.0", "0.2.0", "0.3.0", "1.0.0"])
    func version(_ version: String) async throws {
        try await RunningServer.run { server in
            var guest = try server.components()
            guest.version = version
            let asking = guest
            let refused = try await refusal { _ = try await asking.challenge() }
            #expect(refused.status == 401)
            #expect(refused.detail?.contains("0.4.0") == true)
        }
    }

    @Test(
        "A technology that is not verified here is refused with those that are", arguments: ["tdx", "sev", "azsnpvtpm"])
    func technology(_ tee: String) async throws {
        try await RunningServer.run { server in
            let reply = try await server.post("/kbs/v0/auth", #"{"version":"0.4.0","tee":"\#(tee)","extra-params":""}"#)
            #expect(reply.status == 400)
            #expect(reply.body.contains("snp"))
        }
    }

    @Test(
        "The digest is one that the guest knows; SM3 alone will not do",
        arguments: ["sha256", "sha384", "sha512", "sm3"])
    func digests(_ algorithm: String) async throws {
        try await RunningServer.run { server in
            var guest = try server.components()
            guest.hashAlgorithms = [algorithm]
            let asking = guest
            guard algorithm != "sm3" else {
                let refused = try await refusal { _ = try await asking.challenge() }
                #expect(refused.status == 400)
                return
            }
            let challenge = try await asking.challenge()
            #expect(challenge.hashAlgorithm == algorithm)
            _ = try await asking.attest(challenge)
        }
    }

    @Test("A guest that says nothing of digests is told nothing, and takes SHA-384")
    func silentGuest() async throws {
        try await RunningServer.run { server in
            var guest = try server.components()
            guest.hashAlgorithms = nil
            let challenge = try await guest.challenge()
            #expect(challenge.hashAlgorithm == "sha384")
            _ = try await guest.attest(challenge)
        }
    }

    @Test("Of several cookies the one whose nonce was answered goes back")
    func answeredCookie() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let (other, mine) = (try await guest.challenge(), try await guest.challenge())
            let reply = try await server.send(
                "POST", "/kbs/v0/attest", try guest.evidence(for: mine),
                headers: [
                    ("Cookie", "kbs-session-id=\(other.cookie); kbs-session-id=\(mine.cookie)"),
                    ("Content-Type", "application/json"),
                ])
            #expect(reply.status == 200, "\(reply.body)")
            #expect(reply.headers["Set-Cookie"].first?.hasPrefix("kbs-session-id=\(mine.cookie);") == true)
        }
    }

    @Test("Evidence for another guest's challenge is refused")
    func otherChallenge() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let (mine, other) = (try await guest.challenge(), try await guest.challenge())
            let stolen = try guest.evidence(for: other)
            let refused = try await refusal { _ = try await guest.attest(mine, stolen) }
            #expect(refused.status == 401)
        }
    }

    @Test("Evidence that is bound to another key is refused")
    func otherKey() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let challenge = try await guest.challenge()
            var thief = guest
            thief.key = .elliptic
            let body = String(decoding: try guest.evidence(for: challenge), as: UTF8.self)
            let (mine, theirs) = (try guest.key.jwk["x"] ?? "", try thief.key.jwk)
            // The thief's key in place of the guest's, which the report is bound to.
            let swapped = body.replacing(mine, with: theirs["x"] ?? "")
                .replacing(try guest.key.jwk["y"] ?? "", with: theirs["y"] ?? "")
            let refused = try await refusal { _ = try await guest.attest(challenge, Data(swapped.utf8)) }
            #expect(refused.status == 403)
            #expect(refused.type == "urn:swift-kbs:problem:evidence_refused")
        }
    }

    @Test("Init data whose digest is HOST_DATA becomes claims; other init data is refused")
    func initData() async throws {
        let document = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = \"x\"\n"
        try await RunningServer.run { server in
            let digest = Array(SHA256.hash(data: Data(document.utf8)))
            var guest = try server.components { template in
                for (index, byte) in digest.enumerated() { template.patches[0xC0 + index] = byte }
            }
            guest.initData = document
            let token = try await guest.attest(try await guest.challenge())
            #expect(try Self.claims(token).contains(#""init_data_claims":{"aa.toml":"x"}"#))
            guest.initData = document + "# changed\n"
            let other = guest
            let challenge = try await other.challenge()
            let refused = try await refusal { _ = try await other.attest(challenge) }
            #expect(refused.status == 403)
        }
    }

    @Test("An entry of init data that the policy does not list is the host's own, and the guest is refused; A10")
    func unlistedInitData() async throws {
        let document =
            "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = \"x\"\n\"cdh.toml\" = \"another\"\n"
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            let pin = "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("guest")))\"]\n"
            var guest = try server.components { template in
                for (index, byte) in SHA256.hash(data: Data(document.utf8)).enumerated() {
                    template.patches[0xC0 + index] = byte
                }
            }
            guest.initData = document
            let other = guest
            try await server.setPolicy("guests", pin + "[init_data]\n\"aa.toml\" = \"x\"\n")
            #expect(try await refusal { _ = try await other.get("default/key/1") }.status == 403)
            try await server.setPolicy("guests", "init_data_open = true\n" + pin + "[init_data]\n\"aa.toml\" = \"x\"\n")
            #expect(try await other.get("default/key/1").resource == Array("a key".utf8))
        }
    }

    @Test(
        "Init data in other bytes than the policy's are refused, though they look the same",
        arguments: [
            ("policy.rego", "input.\u{212A}ind; `a` caf\u{E9}"), ("policy.rego", "input.Kind\u{37E} `a` caf\u{E9}"),
            ("policy.rego", "input.Kind; \u{1FEF}a\u{1FEF} caf\u{E9}"), ("policy.rego", "input.Kind; `a` cafe\u{301}"),
            ("\u{212A}.rego", "input.Kind; `a` caf\u{E9}"),
        ])
    func lookAlikes(key: String, value: String) async throws {
        let name = key == "policy.rego" ? key : "K.rego"
        try await RunningServer.run { server in
            try await server.put("default/key/1", "a key")
            try await server.setPolicy(
                "guests",
                "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("guest")))\"]\n[init_data]\n"
                    + "\"\(name)\" = \"input.Kind; `a` caf\u{E9}\"\n")
            func guest(_ key: String, _ value: String) throws -> GuestComponents {
                let document = "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"\(key)\" = \"\(value)\"\n"
                var guest = try server.components { template in
                    for (index, byte) in SHA256.hash(data: Data(document.utf8)).enumerated() {
                        template.patches[0xC0 + index] = byte
                    }
                }
                guest.initData = document
                return guest
            }
            let got = try await guest(name, "input.Kind; `a` caf\u{E9}").get("default/key/1")
            #expect(got.resource == Array("a key".utf8))
            let other = try guest(key, value)
            #expect(try await refusal { _ = try await other.get("default/key/1") }.status == 403)
        }
    }

    private static func claims(_ token: String) throws -> String {
        let parts = token.split(separator: ".")
        return String(decoding: try #require(Data(base64URL: parts[1])), as: UTF8.self)
    }

    @Test("A guest without hardware is refused unless that is allowed on the command line")
    func sample() async throws {
        try await RunningServer.run { server in
            let guest = GuestComponents(.sample(svn: "1"), base: server.base)
            let refused = try await refusal { _ = try await guest.challenge() }
            #expect(refused.status == 400)
        }
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            let guest = GuestComponents(.sample(svn: "1"), base: server.base)
            let token = try await guest.attest(try await guest.challenge())
            #expect(try Self.claims(token).contains(#""ear.status":"contraindicated""#))
            #expect(server.log.lines.contains { $0.contains("WITHOUT HARDWARE") })
            let ready = try await server.send("GET", "/readyz")
            #expect(ready.body.contains("warning guests without hardware are attested"))
        }
    }

    @Test("Neither dialect takes the other's session")
    func otherDialect() async throws {
        try await RunningServer.run { server in
            try await server.register("guest")
            let guest = try server.components()
            let challenge = try await guest.challenge()
            _ = try await guest.attest(challenge)
            let key = try await server.transport.send(.get, "/key/guest", cookie: challenge.cookie)
            #expect(key.status == 401)
        }
    }

    @Test("A workload whose id is a path is a resource for the guest that it was registered for")
    func workload() async throws {
        try await RunningServer.run { server in
            try await server.register("default/disk/1", secret: "passphrase")
            let got = try await server.components("default/disk/1").get("default/disk/1")
            #expect(got.resource == Array("passphrase".utf8))
            let refused = try await refusal { _ = try await server.components("other").get("default/disk/1") }
            #expect(refused.status == 403)
        }
    }
}
