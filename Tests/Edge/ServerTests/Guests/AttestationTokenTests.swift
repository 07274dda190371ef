import Broker
import BrokerSupport
import Bytes
import CoCoDialect
import Crypto
import Evidence
import EvidenceSupport
import Foundation
import Installation
import Server
import SimulatedHardware
import TLSSupport
import TestSupport
import Testing

@Suite("What a guest's token says, and whose tokens are taken")
struct AttestationTokenTests {
    private static func keys(_ server: RunningServer) async throws -> String {
        try await server.send("GET", "/.well-known/jwks.json").body
    }

    private static func object(_ json: String) throws -> [String: [[String: String]]] {
        try JSONDecoder().decode([String: [[String: String]]].self, from: Data(json.utf8))
    }

    private static func claims(_ token: String) throws -> [String: Any] {
        let bytes = try #require(Data(base64URL: token.split(separator: ".")[1]))
        return try #require(try JSONSerialization.jsonObject(with: bytes) as? [String: Any])
    }

    private static func cpu(_ claims: [String: Any]) throws -> [String: Any] {
        try #require((claims["submods"] as? [String: Any])?["cpu0"] as? [String: Any])
    }

    @Test("PyJWT and joserfc verify it with the published keys, and read the same", .enabled(if: Independent.isThere))
    func verified() async throws {
        try await RunningServer.run {
            $0.guestComponents.tokenIssuer = "https://kbs.example.org"
        } _: { server in
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            let keys = try Self.object(try await Self.keys(server))
            let answer = try await Independent.run(
                "verify_token", ["token": token, "keys": keys, "issuer": "https://kbs.example.org"])
            let claims = try #require(answer["claims"] as? [String: Any])
            #expect(claims["eat_profile"] is String)
            let evidence = try Self.cpu(claims)["ear.veraison.annotated-evidence"] as? [String: Any]
            let runtime = evidence?["runtime_data_claims"] as? [String: Any]
            #expect(runtime?["tee-pubkey"] as? [String: String] == (try guest.key.jwk))
            let header = answer["header"] as? [String: Any]
            #expect(header?["alg"] as? String == "ES256")
        }
    }

    @Test("A guest whose measurement is no reference value is not affirmed; one whose is, is")
    func status() async throws {
        try await RunningServer.run { server in
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            #expect(try Self.cpu(Self.claims(token))["ear.status"] as? String == "warning")
        }
        try await RunningServer.run { server in
            let value = Simulated.measurement("guest").map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
                .joined()
            let payload = Data("{\"measurement\":[\"\(value)\"]}".utf8).base64EncodedString()
            let set = try await server.post(
                "/kbs/v0/reference-value", #"{"version":"0.1.0","type":"sample","payload":"\#(payload)"}"#)
            #expect(set.status == 200)
            let shown = try await server.send("GET", "/kbs/v0/reference-value/measurement")
            #expect(shown.body == "[\"\(value)\"]")
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            #expect(try Self.cpu(Self.claims(token))["ear.status"] as? String == "affirming")
        }
    }

    @Test(
        "A token that is signed with a key of its own, or not at all, is refused, whatever its header says",
        .enabled(if: Independent.isThere), arguments: [true, false])
    func forged(_ namesOurKey: Bool) async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            let forged = try await Independent.run("forge", ["token": token, "kid": namesOurKey])
            for name in ["signed", "unsigned"] {
                let forgery = try #require(forged[name] as? String)
                let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: forgery) }
                #expect(refused.status == 401)
            }
        }
    }

    @Test("A token of which a claim was changed is refused")
    func changed() async throws {
        try await RunningServer.run { server in
            try await server.put("default/key/1")
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            var parts = token.split(separator: ".").map(String.init)
            let claims = String(decoding: try #require(Data(base64URL: parts[1])), as: UTF8.self)
            parts[1] = Data(claims.replacing("\"iat\"", with: "\"iax\"").utf8).base64URL
            let changed = parts.joined(separator: ".")
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: changed) }
            #expect(refused.status == 401)
        }
    }

    // MARK: With a certificate

    @Test(
        "A key with a certificate signs in place of the server's own, and its chain goes along",
        .enabled(if: Independent.isThere))
    func certificate() async throws {
        let folder = try TemporaryFolder()
        let files = try TestAuthority().issueFiles("kbs.example.org").write(folder, "token")
        try await RunningServer.run {
            $0.guestComponents.tokenCertificate = files.certificate
            $0.guestComponents.tokenKey = files.key
        } _: { server in
            let guest = try server.components()
            let token = try await guest.attest(try await guest.challenge())
            let keys = try #require(
                try JSONSerialization.jsonObject(with: Data(try await Self.keys(server).utf8)) as? [String: Any])
            let published = try #require((keys["keys"] as? [[String: Any]])?.first)
            let x5c = try #require(published["x5c"] as? [String])
            let pem = try String(contentsOf: files.certificate, encoding: .utf8)
            #expect(pem.replacing("\n", with: "").contains(try #require(x5c.first)))
            let bare = published.compactMapValues { $0 as? String }
            let answer = try await Independent.run(
                "verify_token", ["token": token, "keys": ["keys": [bare]], "issuer": "swift-kbs"])
            let header = answer["header"] as? [String: Any]
            #expect((header?["jwk"] as? [String: Any])?["x5c"] as? [String] == x5c)
            try await server.put("default/key/1")
            let resource = try await guest.fetch("default/key/1", token: token)
            #expect(resource == Array("secret".utf8))
        }
    }

    @Test("A server does not start with a token's certificate of another key, or without its key")
    func otherCertificate() async throws {
        let folder = try TemporaryFolder()
        let authority = try TestAuthority()
        let (one, other) = (
            try authority.issueFiles("a.example.org").write(folder, "one"),
            try authority.issueFiles("b.example.org").write(folder, "other")
        )
        for key in [other.key, nil] {
            await #expect(throws: InvalidSetting.self) {
                try await RunningServer.run {
                    $0.guestComponents.tokenCertificate = one.certificate
                    $0.guestComponents.tokenKey = key
                } _: { _ in
                }
            }
        }
    }

    // MARK: Other verifiers

    private static func claims(
        of guest: GuestComponents, issuer: String, status: any Sendable = "affirming",
        _ change: (inout [String: any Sendable]) -> Void = { _ in }
    )
        throws -> [String: any Sendable]
    {
        let measurement = Simulated.measurement("guest").map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            .joined()
        var snp: [String: any Sendable] = [
            "measurement": measurement, "policy_abi_major": 0, "policy_abi_minor": 31, "policy_smt_allowed": 1,
            "policy_migrate_ma": 0, "policy_debug_allowed": 0, "policy_single_socket": 0, "reported_tcb_bootloader": 4,
            "reported_tcb_tee": 0, "reported_tcb_snp": 22, "reported_tcb_microcode": 213,
            "platform_tsme_enabled": 0, "platform_smt_enabled": 1, "chip_id": String(repeating: "0", count: 128),
        ]
        change(&snp)
        let evidence: [String: any Sendable] = [
            "runtime_data_claims": ["tee-pubkey": try guest.key.jwk], "snp": snp,
        ]
        let cpu: [String: any Sendable] = ["ear.status": status, "ear.veraison.annotated-evidence": evidence]
        return ["iss": issuer, "aud": "kbs", "submods": ["cpu0": cpu]]
    }

    /// What a token of Trustee leaves out, said by an operator.
    private static var assumptions: ForeignAssumptions {
        var assumptions = ForeignAssumptions()
        (assumptions.vmpl, assumptions.forbidsCXL, assumptions.hasCommittedFirmware) = (0, true, true)
        return assumptions
    }

    /// A server that takes tokens of `https://as.example.org` (and of another verifier), and a token of it with the claims
    /// that the protocol names.
    private static func withForeign(
        lifetime: Int = 300, issuer: String = "https://as.example.org", status: any Sendable = "affirming",
        assuming assumptions: ForeignAssumptions = assumptions, document: String? = nil,
        more: [String: any Sendable] = [:], issuers: String = "issuers = [\"https://as.example.org\"]\n",
        _ change: @escaping (inout [String: any Sendable]) -> Void = { _ in },
        _ body: (RunningServer, GuestComponents, _ token: String) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let keys = folder.file("keys")
        try await RunningServer.run {
            $0.guestComponents.trustedIssuers = [
                ("https://first.example.org", keys.path), ("https://as.example.org", keys.path),
            ]
            $0.guestComponents.trustedAssumptions = ["https://as.example.org": assumptions]
            $0.guestComponents.trustedAudience = "kbs"
        } _: { server in
            try await server.put("default/key/1")
            let measurements = "[snp]\nmeasurements = [\"\(Hex.encode(Simulated.measurement("guest")))\"]"
            try await server.setPolicy("guests", issuers + (document ?? measurements))
            let guest = try server.components()
            let made = try await Independent.run(
                "issue",
                [
                    "claims": try claims(of: guest, issuer: issuer, status: status, change).merging(more) { $1 },
                    "lifetime": lifetime,
                ])
            try JSONSerialization.data(withJSONObject: try #require(made["keys"])).write(to: keys)
            try await body(server, guest, try #require(made["token"] as? String))
        }
    }

    @Test("A server does not start that assumes something of a verifier whose tokens it does not take")
    func mistypedIssuer() async {
        await #expect(throws: InvalidSetting.self) {
            try await RunningServer.run {
                $0.guestComponents.trustedIssuers = [("https://as.example.org", "/keys")]
                $0.guestComponents.trustedAssumptions = ["https://as.example.com": Self.assumptions]
                $0.guestComponents.trustedAudience = "kbs"
            } _: { _ in
            }
        }
    }

    @Test("A guest with a trusted verifier's token gets what its claims allow", .enabled(if: Independent.isThere))
    func foreign() async throws {
        try await Self.withForeign { _, guest, token in
            let resource = try await guest.fetch("default/key/1", token: token)
            #expect(resource == Array("secret".utf8))
        }
    }

    @Test("A server does not start that takes other verifiers' tokens whoever they are for; A2")
    func noAudience() async throws {
        let refused = await #expect(throws: InvalidSetting.self) {
            try await RunningServer.run {
                $0.guestComponents.trustedIssuers = [("https://as.example.org", "/keys")]
            } _: { _ in
            }
        }
        #expect(refused?.description.contains("token.trusted_audience") == true)
    }

    @Test(
        "A trusted verifier's token opens nothing whose policy does not name the verifier; A2",
        .enabled(if: Independent.isThere),
        arguments: ["", "issuers = [\"https://first.example.org\"]\n", "issuers = [\"https://as.example.org/\"]\n"])
    func unnamedIssuer(_ issuers: String) async throws {
        try await Self.withForeign(issuers: issuers) { server, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
            let attempts = try await server.send("GET", "/api/v1/attempts")
            #expect(attempts.body.contains("policy_refused"))
            let own = try await guest.get("default/key/1")
            #expect(own.resource == Array("secret".utf8), "a guest that attests here gets it")
        }
    }

    @Test("A trusted verifier's token opens no workload; A2", .enabled(if: Independent.isThere))
    func foreignWorkload() async throws {
        try await Self.withForeign { server, guest, token in
            try await server.transport.register(
                "default/disk/1", measurement: Hex.encode(Simulated.measurement("guest")), configuration: "",
                secret: "passphrase")
            let refused = try await refusal { _ = try await guest.fetch("default/disk/1", token: token) }
            #expect(refused.status == 403)
            let own = try await guest.get("default/disk/1")
            #expect(own.resource == Array("passphrase".utf8))
        }
    }

    @Test(
        "A trusted token for another service, of long ago, of a time to come or of none is refused; A2",
        .enabled(if: Independent.isThere), arguments: ["aud", "old", "early", "never"])
    func foreignAge(_ kind: String) async throws {
        let now = Int(Date().timeIntervalSince1970)
        let more: [String: any Sendable] =
            switch kind {
            case "aud": ["aud": "https://other.example.org"]
            case "old": ["iat": now - 10_801]
            case "early": ["iat": now + 120]
            default: ["iat": "now"]
            }
        // It says itself that it is good for a hundred years.
        try await Self.withForeign(lifetime: 3_153_600_000, more: more) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 401)
        }
    }

    @Test(
        "What a trusted token does not say is not so, unless the operator says that its issuer sees to it",
        .enabled(if: Independent.isThere), arguments: ["vmpl", "cxl", "firmware"])
    func unstated(_ claim: String) async throws {
        var assumptions = Self.assumptions
        switch claim {
        case "vmpl": assumptions.vmpl = nil
        case "cxl": assumptions.forbidsCXL = false
        default: assumptions.hasCommittedFirmware = false
        }
        try await Self.withForeign(assuming: assumptions) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
        }
    }

    @Test(
        "What a trusted token does say counts, whatever is assumed", .enabled(if: Independent.isThere),
        arguments: [("vmpl", 2), ("policy_cxl_allowed", 1)])
    func stated(_ claim: String, _ value: Int) async throws {
        try await Self.withForeign({ $0[claim] = value }) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
        }
    }

    private static func version(_ prefix: String, snp: any Sendable) -> [String: any Sendable] {
        [
            "\(prefix)_tcb_bootloader": 4, "\(prefix)_tcb_tee": 0, "\(prefix)_tcb_snp": snp,
            "\(prefix)_tcb_microcode": 213,
        ]
    }

    @Test(
        "Firmware that a trusted token states as not committed is refused, though the operator says it always is",
        .enabled(if: Independent.isThere),
        arguments: [("22", "22", true), ("21", "22", false), ("new", "22", false), ("22", "", true)])
    func statedFirmware(_ committed: String, _ current: String, _ isTaken: Bool) async throws {
        try await Self.withForeign({
            $0.merge(Self.version("committed", snp: committed)) { $1 }
            if !current.isEmpty { $0.merge(Self.version("current", snp: current)) { $1 } }
        }) { _, guest, token in
            if isTaken {
                let resource = try await guest.fetch("default/key/1", token: token)
                #expect(resource == Array("secret".utf8))
            } else {
                let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
                #expect(refused.status == 403)
            }
        }
    }

    @Test(
        "A minimum TCB is met by a trusted token that has it, if it is known of which processor",
        .enabled(if: Independent.isThere),
        arguments: [
            (Product.milan, "04.00.22.213", true), (.milan, "04.00.22.214", false), (nil, "04.00.22.213", false),
        ])
    func foreignTCB(_ product: Product?, _ minimum: String, _ isMet: Bool) async throws {
        let measurement = Simulated.measurement("guest").map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
            .joined()
        let document = "[snp]\nmeasurements = [\"\(measurement)\"]\n[snp.minimum_tcb]\nmilan = \"\(minimum)\""
        var assumptions = Self.assumptions
        assumptions.product = product
        // Trustee's tokens state REPORTED_TCB alone.
        try await Self.withForeign(assuming: assumptions, document: document) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403, "what is not stated does not meet the rule; A7")
        }
        assumptions.hasReportedTCB = true
        try await Self.withForeign(assuming: assumptions, document: document) { _, guest, token in
            if isMet {
                let resource = try await guest.fetch("default/key/1", token: token)
                #expect(resource == Array("secret".utf8))
            } else {
                let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
                #expect(refused.status == 403)
            }
        }
    }

    @Test(
        "A trusted token whose status is not affirming or warning is refused", .enabled(if: Independent.isThere),
        arguments: ["none", "contraindicated", "Affirming", "96", ""])
    func foreignStatus(_ status: String) async throws {
        let value: any Sendable = if let number = Int(status) { number } else { status }
        try await Self.withForeign(status: value) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
        }
    }

    @Test("Another measurement in a trusted token is refused by the policy", .enabled(if: Independent.isThere))
    func foreignMeasurement() async throws {
        try await Self.withForeign({ $0["measurement"] = String(repeating: "ab", count: 48) }) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
        }
    }

    @Test("A trusted token of a guest that may be debugged is refused", .enabled(if: Independent.isThere))
    func foreignDebug() async throws {
        try await Self.withForeign({ $0["policy_debug_allowed"] = 1 }) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 403)
        }
    }

    @Test("A trusted token that has expired, or of another issuer, is refused", .enabled(if: Independent.isThere))
    func foreignExpired() async throws {
        try await Self.withForeign(lifetime: -120) { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 401)
        }
        try await Self.withForeign(issuer: "https://evil.example.org") { _, guest, token in
            let refused = try await refusal { _ = try await guest.fetch("default/key/1", token: token) }
            #expect(refused.status == 401)
        }
    }

    @Test(
        "A guest in Python, with libraries that are not ours, attests and gets its resource",
        .enabled(if: Independent.isThere),
        arguments: ["P-256", "P-521", "RSA"] + (MLKEM768.isAvailable ? ["ML-KEM-768+A192KW"] : []))
    func python(_ kind: String) async throws {
        try await RunningServer.run {
            $0.policy.allowsSample = true
        } _: { server in
            try await server.put("default/key/1", for: nil)
            for (method, path, body) in [
                (
                    "PUT", "/api/v1/policies/trial",
                    #"{"document":"[sample]\naccepts_any_measurement = true"}"#
                ),
                ("PATCH", "/api/v1/resources/default/key/1", #"{"policy":"trial"}"#),
            ] {
                let done = try await server.send(
                    method, path, body.utf8, headers: [("Content-Type", "application/json")])
                try #require([200, 201].contains(done.status), "\(done.body)")
            }
            let answer = try await Independent.run(
                "boot", ["base": server.base, "kind": kind, "path": "default/key/1"])
            let secret = Data("secret".utf8).map { String($0, radix: 16) }.joined()
            #expect(answer["plaintexts"] as? [String] == [secret, secret])
        }
    }
}
