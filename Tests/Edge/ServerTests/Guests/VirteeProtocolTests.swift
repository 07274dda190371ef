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

/// Every form that the clients use, over a real socket.
@Suite("The virtee protocol")
struct VirteeProtocolTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    // MARK: Registering

    private func registration(_ id: String, bits: Int) -> String {
        """
        {"workload_id":"\(id)","launch_measurement":"\(Hex.encode(Simulated.measurement(id)))","passphrase":"x",\
        "tee_config":"{\\"flags\\":{\\"bits\\":\(bits)},\\"minfw\\":{\\"major\\":0,\\"minor\\":0}}"}
        """
    }

    @Test("A registration says which policy was understood, and that oci2cw's images will be refused; A8, B5")
    func understood() async throws {
        try await RunningServer.run { server in
            let buildah = try await server.post("/kbs/v0/register_workload", registration("web", bits: 15))
            #expect(buildah.status == 200)
            #expect(
                buildah.body
                    == "Registered web with the policy 0xf0000, SMT allowed, migration agent allowed, debug allowed.\n")
            let oci2cw = try await server.post("/kbs/v0/register_workload", registration("oci", bits: 63))
            #expect(oci2cw.status == 200 && oci2cw.body.contains("Warning: The policy 0x3f0000 demands single socket"))
            #expect(oci2cw.body.contains("\"bits\":15"), "it says what to register instead")
            #expect(server.log.lines.contains { $0.contains("demands single socket") && $0.contains("oci") })
            let shown = try await server.send("GET", "/api/v1/workloads/oci")
            #expect(shown.body.contains("\"warnings\"") && shown.body.contains("\"policy\":\"0x3f0000\""))
            let fine = try await server.send("GET", "/api/v1/workloads/web")
            #expect(!fine.body.contains("warnings"))
        }
    }

    @Test("An address and an id for which libkrun's client has no room are warned of, and no others; B6")
    func longAddress() async throws {
        try await RunningServer.run {
            $0.guestsURL = "http://kbs.example.org:8000"
        } _: { server in
            for (count, isWarned) in [(60, false), (61, true)] {
                let id = String(repeating: "a", count: count)
                let reply = try await server.post("/kbs/v0/register_workload", registration(id, bits: 15))
                #expect(reply.status == 200)
                #expect(reply.body.contains("have 88 bytes together") == isWarned, "\(reply.body)")
            }
        }
    }

    // MARK: SNP

    @Test(
        "An SNP guest is challenged, whatever form its request has",
        arguments: [
            #"{"version":"0.0.0","tee":"snp","extra-params":"{\"workload_id\":\"app\"}"}"#,
            #"{"version":"0.0.0","tee":"snp","extra-params":{"workload_id":"app"}}"#,
            #"{"workload_id":"app"}"#,
            #"{"tee":"snp","extra-params":{"workload_id":"app","more":[1,{"x":null}]},"unknown":1.5e3}"#,
        ])
    func snpForms(body: String) async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let reply = try await server.post("/kbs/v0/auth", body)
            #expect(reply.status == 200)
            let nonce = try #require(try json(reply.body)["nonce"] as? String)
            #expect(reply.body == #"{"nonce":"\#(nonce)","extra-params":""}"#, "the reference's order")
            #expect(nonce.utf8.count == 32 && Hex.decode(nonce) != nil)
            let cookies = reply.headers["Set-Cookie"]
            let cookie = try #require(cookies.first)
            #expect(cookies.count == 1 && cookie.hasPrefix("session_id="))
            let attributes = "; SameSite=Strict; Path=/"
            #expect(cookie.hasSuffix(attributes), "B1: libkrun's SEV clients read up to the first semicolon")
            let value = cookie.dropFirst("session_id=".count).dropLast(attributes.count)
            #expect(value.utf8.count <= 99 && !value.contains { "=; \t".contains($0) })
            #expect(reply.headers.first(name: "Content-Length") == "\(reply.body.utf8.count)", "not in chunks")
        }
    }

    @Test("A guest gets its secret, and each reply has exactly the form that its client reads")
    func boot() async throws {
        try await RunningServer.run { server in
            try await server.register("app", secret: "open sesame")
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            let body = String(decoding: try guest.evidence(for: challenge.nonce), as: UTF8.self)
            let reply = try await server.post("/kbs/v0/attest", body, cookie: challenge.cookie)
            #expect(reply.status == 200 && reply.body.isEmpty)
            let key = try await server.send(
                "GET", "/kbs/v0/key/app", headers: [("Cookie", "session_id=\(challenge.cookie)")])
            #expect(key.status == 200 && key.body.utf8.count == 514)
            #expect(key.body.wholeMatch(of: /"[0-9a-f]{512}"/) != nil)
            #expect(
                try await guest.fetchKey(cookie: challenge.cookie, over: server.transport) == Array("open sesame".utf8))
        }
    }

    /// The body for /attest in another form than the guest's own.
    private func evidence(
        _ guest: SimulatedSNPGuest, _ nonce: String, keys: (String, String) = ("k-mod", "k-exp"), asString: Bool,
        table: Any = "[]", generation: String? = "milan"
    ) throws -> String {
        var report = guest.template
        report.reportData = Array(SHA512.hash(data: Data((nonce + guest.modulus + guest.exponent).utf8)))
        var evidence: [String: Any] = ["report": Hex.encode(try report.signed(by: guest.signer)), "cert_chain": table]
        if let generation { evidence["gen"] = generation }
        let data = try JSONSerialization.data(withJSONObject: evidence)
        let message: [String: Any] = [
            "tee-pubkey": ["kty": "RSA", "alg": "RSA", keys.0: guest.modulus, keys.1: guest.exponent],
            "tee-evidence": asString ? String(decoding: data, as: UTF8.self) : evidence,
        ]
        return String(decoding: try JSONSerialization.data(withJSONObject: message), as: UTF8.self)
    }

    @Test(
        "Evidence is read as a string and as an object, with either name of the key's numbers",
        arguments: [true, false])
    func evidenceForms(asString: Bool) async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            // The certificates come once; then the server has them.
            _ = try await guest.boot(over: server.transport)
            for keys in [("k-mod", "k-exp"), ("n", "e")] {
                let challenge = try await guest.challenge(over: server.transport)
                let body = try evidence(guest, challenge.nonce, keys: keys, asString: asString)
                let reply = try await server.post("/kbs/v0/attest", body, cookie: challenge.cookie)
                #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.body)")
            }
        }
    }

    @Test("The guest's certificate table is read in every form that is seen")
    func certificateTables() async throws {
        let guest = try Simulated.guest("app")
        let certificates = guest.certificates
        let structured: [[String: Any]] = certificates.map { ["cert_type": "VCEK", "data": $0.der.map { Int($0) }] }
        let tables: [Any] = [
            certificates.map(\.pem), certificates.map { Hex.encode($0.der) },
            certificates.map { Data($0.der).base64EncodedString() }, structured,
            [certificates.map(\.pem).joined()], ["junk", "AAAA"] + certificates.map(\.pem),
            String(decoding: try JSONSerialization.data(withJSONObject: structured), as: UTF8.self),
        ]
        for table in tables {
            try await RunningServer.run { server in
                try await server.register("app")
                let challenge = try await guest.challenge(over: server.transport)
                let body = try evidence(guest, challenge.nonce, asString: true, table: table, generation: nil)
                let reply = try await server.post("/kbs/v0/attest", body, cookie: challenge.cookie)
                #expect(reply.status == 200, "\(reply.body)")
            }
        }
        for empty: Any in ["", "[]", [String]()] {
            try await RunningServer.run { server in
                try await server.register("app")
                let challenge = try await guest.challenge(over: server.transport)
                let body = try evidence(guest, challenge.nonce, asString: true, table: empty)
                let reply = try await server.post("/kbs/v0/attest", body, cookie: challenge.cookie)
                #expect(reply.status == 503 && reply.code == "endorsement_unavailable")
                #expect(reply.headers.first(name: "Retry-After") != nil)
                #expect(server.log.lines.contains { $0.contains("kbs endorsements import") })
            }
        }
    }

    @Test("Of two Cookie lines, as libkrun's client sends them, the valid one counts")
    func twoCookies() async throws {
        try await RunningServer.run { server in
            try await server.register("app")
            let guest = try Simulated.guest("app")
            let challenge = try await guest.challenge(over: server.transport)
            let stale = ("Cookie", "session_id=stale; other=1")
            for cookies in [
                [stale, ("Cookie", "a=b;session_id=\(challenge.cookie)")],
                [("Cookie", " session_id=\(challenge.cookie) ".trimmingCharacters(in: .whitespaces)), stale],
            ] {
                let reply = try await server.send(
                    "POST", "/kbs/v0/attest", try guest.evidence(for: challenge.nonce),
                    headers: cookies + [
                        ("Accept", "application/json"), ("Content-Type", "application/json; charset=utf-8"),
                    ])
                #expect([200, 400].contains(reply.status))
                #expect(reply.status == 200 || reply.code == "challenge_used")
            }
            let key = try await server.send(
                "GET", "/kbs/v0/key/app", headers: [stale, ("Cookie", "session_id=\(challenge.cookie)")])
            #expect(key.status == 200)
        }
    }

    @Test("An id with slashes and colons names its key as it stands")
    func slashes() async throws {
        try await RunningServer.run { server in
            for id in ["registry.example:5000/team/app@sha256+x", "a//b", "/a", "a/", "a/b"] {
                try await server.register(id, secret: "of \(id)")
                #expect(try await Simulated.guest(id).boot(over: server.transport) == Array("of \(id)".utf8))
                // A client's base URL may end in a slash.
                let slashed = GuestTransport(base: server.base + "/", client: .shared)
                #expect(try await Simulated.guest(id).boot(over: slashed) == Array("of \(id)".utf8))
            }
            #expect(try await server.send("DELETE", "/api/v1/workloads/a//b").status == 204)
            #expect(try await server.send("GET", "/api/v1/workloads/a/b").status == 200)
            #expect(try await server.send("GET", "/api/v1/workloads/a%2Fb").status == 200, "as some clients write it")
            #expect(try await server.send("GET", "/api/v1/workloads/a%GG").status == 400)
        }
    }

    // MARK: SEV

    @Test("An SEV guest gets its secret, padded, in the form that its client reads")
    func sevBoot() async throws {
        try await RunningServer.run { server in
            try await server.registerSEV(
                "vm", secret: "open sesame", configuration: #"{"flags":{"bits":63},"minfw":{"major":0,"minor":23}}"#)
            let guest = SimulatedSEVGuest(workload: "vm", on: try Simulated.sev, digest: Simulated.digest("vm"))
            let launched = try await guest.start(over: server.transport)
            let measurement = try await guest.attest(launched, over: server.transport)
            let reply = try await server.send(
                "GET", "/kbs/v0/key/vm", headers: [("Cookie", "session_id=\(launched.cookie)")])
            let packet = try json(reply.body)
            #expect((packet["ciphertext"] as? [Int])?.count == 512)
            let key = try await guest.fetchKey(nil, launched, measurement: measurement, over: server.transport)
            #expect(key == Array("open sesame".utf8))
        }
    }

    @Test("SEV's request is read in every form, and answered in the same")
    func sevForms() async throws {
        try await RunningServer.run { server in
            try await server.registerSEV("vm")
            let guest = SimulatedSEVGuest(workload: "vm", on: try Simulated.sev, digest: Simulated.digest("vm"))
            let envelope = try json(String(decoding: guest.request, as: UTF8.self))
            let parameters = try #require(envelope["extra-params"] as? [String: Any])
            func text(_ object: Any) throws -> String {
                String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
            }
            let object = try await server.post("/kbs/v0/auth", text(envelope))
            let inner = try #require(try json(object.body)["extra-params"] as? [String: Any])
            #expect(inner["id"] as? String == object.cookie)
            #expect(object.body.utf8.count < 8_191, "the clients' buffers")

            let string = try await server.post(
                "/kbs/v0/auth", text(["version": "0.0.0", "tee": "sev", "extra-params": try text(parameters)]))
            let embedded = try #require(try json(string.body)["extra-params"] as? String)
            #expect(try json(embedded)["id"] as? String == string.cookie)
            #expect(string.body.utf8.count < 8_191)

            #expect(try await server.post("/kbs/v0/auth", text(parameters)).status == 200)

            // As the reference's README draws a certificate.
            func drawn(_ value: Any) throws -> Any {
                guard let bytes = value as? [Int] else {
                    return try #require(value as? [String: Any]).mapValues { try drawn($0) }
                }
                return ["version": 1, "v1": Array(bytes.dropFirst(4))] as [String: Any]
            }
            var other = parameters
            other["chain"] = try drawn(try #require(parameters["chain"]))
            #expect(try await server.post("/kbs/v0/auth", text(other)).status == 200)
        }
    }

    @Test("A host under a root that is not trusted, and one with an incomplete chain, get no channel")
    func sevRefusals() async throws {
        let stranger = SimulatedSEVGuest(
            workload: "vm", on: try SimulatedSEVPlatform(), digest: Simulated.digest("vm"))
        try await RunningServer.run { server in
            try await server.registerSEV("vm")
            let reply = try await server.send("POST", "/kbs/v0/auth", stranger.request)
            #expect(reply.status == 403 && reply.body.contains("sev.chain.root"))
            let text = String(decoding: stranger.request, as: UTF8.self)
            let cut = try await server.post(
                "/kbs/v0/auth", text.replacing(/"ark":\[[0-9,]+\]/, with: #""ark":[1,0,0,0]"#))
            #expect(cut.status == 400 && cut.code == "malformed")
            let without = try await server.post(
                "/kbs/v0/auth", #"{"version":"0.0.0","tee":"sev","extra-params":{"workload_id":"vm"}}"#)
            #expect(without.status == 400 && without.body.contains("certificate chain"))
            #expect(try await server.post("/kbs/v0/auth", text.replacing("\"vm\"", with: "\"nobody\"")).status == 404)
        }
    }
}
