import Broker
import Bytes
import Concurrency
import Crypto
import EdgeSupport
import Formats
import Foundation
import HTTP
import HTTPClient
import HTTPServer
import JOSE
@testable import JSONWebTokens
import Logging
import TestSupport
import Testing

/// A key pair of an identity provider's.
private struct Provider {
    let key = P256.Signing.PrivateKey()
    let id: String

    /// The public half as the provider publishes it.
    var jwk: JSONValue {
        var jwk = key.publicKey.jwk
        jwk["kid"] = .text(id)
        return jwk
    }

    /// With claims that are taken, but for those that are changed.
    func sign(_ changes: [String: JSONValue?] = [:], kid: String?? = .none) throws -> String {
        var claims: JSONValue = [
            "iss": "https://id.example.org", "aud": "kbs", "sub": "alice",
            "exp": .integer(Int(Date().timeIntervalSince1970) + 300), "kbs_role": "registrar",
        ]
        for (name, value) in changes { claims[name] = value }
        let kid = kid ?? id
        return try CompactJWS.sign(
            claims.encoded, header: [.init("typ", "JWT")] + (kid.map { [.init("kid", .text($0))] } ?? []), with: key)
    }
}

private func set(_ keys: JSONValue...) -> [UInt8] {
    // One of a kind that nobody knows keeps no other from being used.
    JSONValue.object([.init("keys", .array(keys + [["kty": "OKP", "crv": "X9", "kid": "odd"]]))]).encoded
}

private let quiet = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

@Suite("JWTs of an identity provider")
struct TokenVerifierTests {
    private let provider = Provider(id: "k1")

    private func with(
        _ keys: [UInt8]? = nil, _ change: (inout TokenVerifier.Rules) -> Void = { _ in },
        _ body: (TokenVerifier) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("jwks.json")
        try Data(keys ?? set(provider.jwk)).write(to: file)
        var rules = TokenVerifier.Rules(issuer: "https://id.example.org", audience: "kbs")
        change(&rules)
        let source = JWTKeySource(file.path(percentEncoded: false), of: .guests, client: HTTP1Client(), logger: quiet)
        try await body(TokenVerifier(rules, keys: source))
        _ = folder
    }

    private func refusal(_ verifier: TokenVerifier, _ token: String) async -> Refusal? {
        do { _ = try await verifier.claims(of: token, at: Date()) } catch let refusal as Refusal {
            return refusal
        } catch {
            Issue.record(error)
        }
        return nil
    }

    @Test("A good JWT says what it says")
    func good() async throws {
        try await with { verifier in
            let claims = try await verifier.claims(of: try provider.sign(), at: Date())
            #expect(claims["sub"]?.asText == "alice" && claims.list("kbs_role") == ["registrar"])
        }
    }

    @Test("A JWT that is not exactly right is refused, each with its own reason")
    func bad() async throws {
        let now = Date().timeIntervalSince1970
        try await with { verifier in
            for (changes, reason) in [
                (["iss": "https://id.example.com"], "another issuer"), (["aud": "other"], "another audience"),
                (["exp": .integer(Int(now) - 60)], "has expired"), (["exp": nil], "never expires"),
                (["nbf": .integer(Int(now) + 120)], "not valid yet"), (["iss": nil], "another issuer"),
            ] as [([String: JSONValue?], String)] {
                let refused = await refusal(verifier, try provider.sign(changes))
                #expect(refused?.code == .unauthenticated && refused?.sentence.contains(reason) == true, "\(reason)")
            }
        }
    }

    @Test("A JWT by another key, without a signature, or with a key that it brings along is refused")
    func forged() async throws {
        let forger = Provider(id: "k1")
        let good = try provider.sign().split(separator: ".").map(String.init)
        let unsigned = #"{"alg":"none","kid":"k1","typ":"JWT"}"#.utf8.base64URL
        let claims = #"{"iss":"https://id.example.org","aud":"kbs","exp":9999999999,"kbs_role":"admin"}"#
        let brought = try CompactJWS.sign(
            Array(claims.utf8), header: [.init("kid", "k1"), .init("jwk", forger.jwk)], with: forger.key)
        try await with { verifier in
            for forgery in [
                try forger.sign(), brought, "\(good[0]).\(good[1]).", "\(unsigned).\(good[1]).",
                "\(unsigned).\(good[1]).\(good[2])", "\(good[0]).\(claims.utf8.base64URL).\(good[2])",
            ] {
                let refused = await refusal(verifier, forgery)
                #expect(refused?.sentence.contains("not signed by the key of https://id.example.org") == true)
            }
            let unknown = await refusal(verifier, try Provider(id: "unknown").sign())
            #expect(unknown?.sentence.contains("does not publish") == true)
        }
    }

    @Test("What a stranger writes into a token's body is not read, however deep it is")
    func unread() async throws {
        let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        try await with { verifier in
            for body in [deep, "not JSON", ""] {
                let token = "\(#"{"alg":"ES256","kid":"k1"}"#.utf8.base64URL).\(body.utf8.base64URL).AAAA"
                #expect(await refusal(verifier, token)?.sentence.contains("is not signed by the key") == true)
            }
            for (header, reason) in [
                ("", "cannot be read"), ("[]", "cannot be read"), (#"{"alg":"ES256"}"#, "by none of the keys"),
                (#"{"alg":"ES256","kid":5}"#, "kid is not a text"), (deep, "cannot be read"),
                (#"{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}"#, "critical extensions"),
                (#"{"kid":"\#(String(repeating: "k", count: 2_000))"}"#, "cannot be read"),
            ] {
                let refused = await refusal(verifier, "\(header.utf8.base64URL).e30.AAAA")
                #expect(refused?.sentence.contains(reason) == true, "\(header.prefix(40))")
            }
            _ = try await verifier.claims(of: try provider.sign(), at: Date())
        }
    }

    @Test("Signed claims that are no JSON object are refused")
    func signedNonsense() async throws {
        try await with { verifier in
            for body in ["[]", "not JSON", #"{"iss":1,"iss":2}"#] {
                let token = try CompactJWS.sign(Array(body.utf8), header: [.init("kid", "k1")], with: provider.key)
                #expect(await refusal(verifier, token)?.sentence == "The JWT's claims cannot be read.")
            }
        }
    }

    @Test("A key without an algorithm has one of its own: a token cannot choose it for those after")
    func pinnedAlgorithm() async throws {
        var jwk = provider.jwk
        jwk["alg"] = nil
        try await with(set(jwk)) { verifier in
            for algorithm in ["ES512", "PS512", "none", "HS256"] {
                let header = #"{"alg":"\#(algorithm)","kid":"k1"}"#.utf8.base64URL
                #expect(await refusal(verifier, "\(header).e30.AAAA")?.code == .unauthenticated)
            }
            _ = try await verifier.claims(of: try provider.sign(), at: Date())
        }
    }

    @Test("A token that names no key is tried on each, where that is allowed, and on no more than eight")
    func unnamed() async throws {
        let others = (0..<8).map { Provider(id: "other \($0)") }
        let token = try provider.sign(kid: .some(nil))
        try await with(set(others[0].jwk, provider.jwk), { $0.keyless = .anyKey }) { verifier in
            _ = try await verifier.claims(of: token, at: Date())
            let forged = await refusal(verifier, try Provider(id: "k1").sign(kid: .some(nil)))
            #expect(forged?.sentence.contains("by none of the keys") == true)
        }
        let many = JSONValue.object([.init("keys", .array(others.map(\.jwk) + [provider.jwk]))]).encoded
        try await with(many, { $0.keyless = .anyKey }) { verifier in
            #expect(await refusal(verifier, token)?.sentence.contains("by none of the keys") == true)
            _ = try await verifier.claims(of: try provider.sign(), at: Date())
        }
    }

    @Test("A token that names no key is taken where one key alone can have signed it; C14")
    func onlyKey() async throws {
        let token = try provider.sign(kid: .some(nil))
        var rsa = provider.jwk
        rsa["use"] = "enc"
        // One that is for encryption only, or of another kind, is no other.
        try await with(set(provider.jwk, rsa)) { verifier in
            _ = try await verifier.claims(of: token, at: Date())
            let forged = await refusal(verifier, try Provider(id: "k1").sign(kid: .some(nil)))
            #expect(forged?.sentence.contains("by none of the keys") == true)
        }
        try await with(set(provider.jwk, Provider(id: "k2").jwk)) { verifier in
            let refused = await refusal(verifier, token)
            #expect(refused?.sentence.contains("more than one for ES256: it must have kid") == true)
        }
    }

    @Test("Two keys of one id are both the issuer's")
    func sameID() async throws {
        let second = Provider(id: "k1")
        try await with(set(provider.jwk, second.jwk)) { verifier in
            _ = try await verifier.claims(of: try provider.sign(), at: Date())
            _ = try await verifier.claims(of: try second.sign(), at: Date())
        }
    }

    @Test("Keys that are symmetric, for encryption or too weak are nobody's")
    func unusable() async throws {
        let secret = Array("a secret that was published by mistake".utf8)
        let text = #"{"alg":"HS256","kid":"k1"}"#.utf8.base64URL + ".e30"
        let code = HMAC<SHA256>.authenticationCode(for: text.utf8, using: SymmetricKey(data: secret))
        try await with(set(["kty": "oct", "kid": "k1", "alg": "HS256", "k": .text(secret.base64URL)])) { verifier in
            let refused = await refusal(verifier, text + "." + code.base64URL)
            #expect(refused?.sentence.contains("does not publish") == true)
        }
        var jwk = provider.jwk
        jwk["use"] = "enc"
        try await with(set(jwk)) { verifier in
            let refused = await refusal(verifier, try provider.sign())
            #expect(refused?.sentence.contains("does not publish") == true)
        }
    }
}

@Suite("The keys that an identity provider publishes")
struct JWTKeySourceTests {
    private final class Clock: Sendable {
        private let time = Lock(ContinuousClock.now)
        var now: ContinuousClock.Instant { time.withLock { $0 } }
        func advance(_ seconds: Int) { time.withLock { $0 += .seconds(seconds) } }
    }

    private struct Setting: Sendable {
        let clock = Clock()
        let asked = Lock(0)
        /// Whether answers are held back.
        let holds = Lock(false)
        let answer: Lock<(status: Int, body: [UInt8])>

        init(_ body: [UInt8]) { answer = Lock((200, body)) }

        var count: Int { asked.withLock { $0 } }

        func run(
            of subjects: JWTKeySource.Subjects = .guests, _ body: (JWTKeySource) async throws -> Void
        ) async throws {
            try await TestServer.run(
                handler: { [asked, answer, holds] _ in
                    asked.withLock { $0 += 1 }
                    while holds.withLock({ $0 }), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
                    let (status, body) = answer.withLock { $0 }
                    return OutgoingResponse(
                        status: .init(code: status), headers: [.location: "/elsewhere"], body: body)
                },
                { server in
                    try await body(
                        JWTKeySource(
                            "http://127.0.0.1:\(server.port)/keys", of: subjects, client: HTTP1Client(), logger: quiet,
                            timeout: .seconds(600), now: { [clock] in clock.now }))
                })
        }
    }

    private func isUnavailable(_ source: JWTKeySource) async -> Bool {
        do { _ = try await source.keys(for: "ES256") } catch let refusal as Refusal {
            return refusal.code == .unavailable && refusal.retryAfter == 30
        } catch { Issue.record(error) }
        return false
    }

    @Test("They are asked for once, by however many who wait, and again after ten minutes")
    func cached() async throws {
        let setting = Setting(set(Provider(id: "k1").jwk))
        try await setting.run { source in
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<32 { group.addTask { try await source.keys(named: "k1").count } }
                for try await count in group { #expect(count == 1) }
            }
            #expect(setting.count == 1)
            setting.clock.advance(599)
            _ = try await source.keys(named: "k1")
            #expect(setting.count == 1)
            setting.clock.advance(1)
            _ = try await source.keys(named: "k1")
            #expect(setting.count == 2)
        }
    }

    @Test("A new key is fetched when it is met; made-up ids have it asked for every thirty seconds at most")
    func rollover() async throws {
        let (first, second) = (Provider(id: "k1"), Provider(id: "k2"))
        let setting = Setting(set(first.jwk))
        try await setting.run { source in
            let known = try await source.keys(named: "k1")
            #expect(known.count == 1)
            setting.answer.withLock { $0.body = set(second.jwk) }
            for _ in 0..<8 {
                let none = try await source.keys(named: "k2")
                #expect(none.isEmpty)
            }
            #expect(setting.count == 1)
            setting.clock.advance(30)
            let (new, old) = (try await source.keys(named: "k2"), try await source.keys(named: "k1"))
            #expect(new.count == 1 && setting.count == 2)
            #expect(old.isEmpty, "it was withdrawn")
        }
    }

    @Test("A fetch that a made-up id began holds nobody up whose key is known")
    func knownKey() async throws {
        let setting = Setting(set(Provider(id: "k1").jwk))
        try await setting.run { source in
            _ = try await source.keys(named: "k1")
            setting.clock.advance(30)
            setting.holds.withLock { $0 = true }
            // Whoever waited for this answer would find no k1 in it.
            setting.answer.withLock { $0.body = set(Provider(id: "k2").jwk) }
            async let invented = source.keys(named: "k9")
            while setting.count < 2 { await Task.yield() }
            let known = try await source.keys(named: "k1")
            #expect(known.count == 1)
            setting.holds.withLock { $0 = false }
            let none = try await invented
            #expect(none.isEmpty)
        }
    }

    @Test("A provider that fails locks nobody out for a day, and everybody after that")
    func patience() async throws {
        let setting = Setting(set(Provider(id: "k1").jwk))
        try await setting.run { source in
            _ = try await source.keys(for: "ES256")
            setting.answer.withLock { $0 = (500, []) }
            for _ in 0..<143 {
                setting.clock.advance(600)
                let kept = try await source.keys(named: "k1")
                #expect(kept.count == 1)
            }
            setting.clock.advance(600)
            #expect(await isUnavailable(source))
            setting.answer.withLock { $0 = (200, set(Provider(id: "k1").jwk)) }
            setting.clock.advance(600)
            let back = try await source.keys(named: "k1")
            #expect(back.count == 1)
        }
    }

    @Test("Administrators' keys are believed for an hour at most when their provider is away; A17")
    func withdrawn() async throws {
        let setting = Setting(set(Provider(id: "k1").jwk))
        try await setting.run(of: .administrators) { source in
            _ = try await source.keys(named: "k1")
            setting.answer.withLock { $0 = (500, []) }
            setting.clock.advance(3_599)
            let kept = try await source.keys(named: "k1")
            #expect(kept.count == 1)
            setting.clock.advance(1)
            #expect(await isUnavailable(source))
        }
    }

    @Test(
        "What is no answer with keys is none, a redirect too: it could lead away from TLS",
        arguments: [(404, ""), (302, ""), (500, "{\"keys\":[]}"), (200, ""), (200, "not JSON"), (200, "{}")])
    func noKeys(_ status: Int, _ body: String) async throws {
        let setting = Setting([])
        setting.answer.withLock { $0 = (status, Array(body.utf8)) }
        try await setting.run { source in
            #expect(await isUnavailable(source))
            #expect(setting.count == 1)
        }
    }

    @Test("A set of more than a mebibyte is not read")
    func large() async throws {
        let setting = Setting(set(Provider(id: "k1").jwk) + Array(repeating: UInt8(ascii: " "), count: 1 << 20))
        try await setting.run { #expect(await isUnavailable($0)) }
        let folder = try TemporaryFolder()
        let file = folder.file("keys")
        try Data(set(Provider(id: "k1").jwk) + Array(repeating: UInt8(ascii: " "), count: 1 << 20)).write(to: file)
        #expect(await isUnavailable(JWTKeySource(file.path, of: .guests, client: HTTP1Client(), logger: quiet)))
    }

    @Test("A file that is not there is no keys, and is read once it is there")
    func file() async throws {
        let folder = try TemporaryFolder()
        let (file, clock) = (folder.file("keys"), Clock())
        let source = JWTKeySource(file.path, of: .guests, client: HTTP1Client(), logger: quiet, now: { clock.now })
        #expect(await isUnavailable(source))
        try Data(set(Provider(id: "k1").jwk)).write(to: file)
        #expect(await isUnavailable(source), "it was looked for just now")
        clock.advance(30)
        let read = try await source.keys(named: "k1")
        #expect(read.count == 1)
    }
}
