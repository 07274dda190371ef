import Bytes
import Concurrency
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import TLSSupport
import TestSupport
import Testing
import X509

@testable import Guest

/// What the person at the console was told.
private final class Sentences: Sendable {
    let all = Lock<[String]>([])
}

/// Evidence of the simulated chip, without any file.
private struct DirectDevice: EvidenceDevice {
    let name = "simulated"
    func evidence(reportData: [UInt8]) async throws -> GuestEvidence {
        try evidence(report: Simulated.report("web", reportData), table: HostTable.simulated(), reportData: reportData)
    }
}

@Suite("The guest's connection to the broker")
struct TransportTests {
    private func exchange(
        _ url: String, pins: [String] = [], authority: String? = nil, plain: Bool = false,
        within: Duration = .seconds(120)
    ) async throws -> HTTPExchange.Reply {
        let address = try BrokerAddress(url: url, pins: pins, authority: authority, allowsPlainHTTP: plain)
        return try await HTTPExchange(address).send(.get, "/kbs/v0/", within: within)
    }

    private func failure(_ body: () async throws -> HTTPExchange.Reply) async -> HTTPExchange.Failure? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? HTTPExchange.Failure }
    }

    private func withTLS(
        _ identity: TLSIdentity, by authority: TestAuthority,
        _ body: (_ port: Int, _ authority: String) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let file = folder.file("ca.pem")
        try Data(authority.certificate.pem.utf8).write(to: file)
        try await CannedServer.run([CannedServer.text("200 OK", "hello")], as: identity) { _, port in
            try await body(port, file.path)
        }
    }

    private func pin(_ certificate: X509Certificate) -> String { "sha256:" + Hex.encode(certificate.keyPin) }

    @Test("A CA's certificate for the right host name is accepted")
    func authority() async throws {
        let authority = try TestAuthority()
        try await withTLS(authority.issue(names: [.dns("localhost")]), by: authority) { port, file in
            let reply = try await exchange("https://localhost:\(port)", authority: file)
            #expect(reply.text == "hello")
        }
    }

    @Test("A CA's certificate for another host name is not, and another try would not help")
    func wrongName() async throws {
        let authority = try TestAuthority()
        try await withTLS(authority.issue(names: [.dns("elsewhere.example")]), by: authority) { port, file in
            for host in ["localhost", "127.0.0.1"] {
                let failure = await failure { try await exchange("https://\(host):\(port)", authority: file) }
                #expect(failure?.isTransient == false && failure?.description.contains("host name") == true)
                #expect(failure?.description.contains("its certificate is for elsewhere.example, not for") == true)
            }
        }
    }

    @Test("Another CA, and the system's, are not enough")
    func otherAuthority() async throws {
        let (authority, other) = (try TestAuthority(), try TestAuthority("Other"))
        let folder = try TemporaryFolder()
        try Data(other.certificate.pem.utf8).write(to: folder.file("other.pem"))
        try await withTLS(authority.issue(), by: authority) { port, _ in
            for file in [folder.file("other.pem").path, nil] {
                let failure = await failure { try await exchange("https://localhost:\(port)", authority: file) }
                #expect(failure?.isTransient == false, "\(String(describing: failure))")
            }
        }
    }

    @Test("An expired certificate is refused from a CA, and accepted by its pin")
    func expired() async throws {
        let authority = try TestAuthority()
        let identity = try authority.issue(from: .now - 7_200, until: .now - 3_600)
        try await withTLS(identity, by: authority) { port, file in
            let failure = await failure { try await exchange("https://localhost:\(port)", authority: file) }
            #expect(failure?.isTransient == false)
            let reply = try await exchange("https://127.0.0.1:\(port)", pins: [pin(identity.certificate)])
            #expect(reply.text == "hello")
        }
    }

    @Test("One of several pins is enough, and a pin for the CA's key is none for the server's")
    func pins() async throws {
        let authority = try TestAuthority()
        let (identity, other) = (try authority.issue(), try authority.issue())
        try await withTLS(identity, by: authority) { port, _ in
            let both = [pin(other.certificate), pin(identity.certificate)]
            let reply = try await exchange("https://localhost:\(port)", pins: both)
            #expect(reply.text == "hello")
            for wrong in [other.certificate, authority.certificate] {
                let failure = await failure { try await exchange("https://localhost:\(port)", pins: [pin(wrong)]) }
                #expect(failure?.isTransient == false && failure?.description.contains("--pin") == true)
            }
        }
    }

    @Test("A CA's file that is none is told before anything is sent, by what it is")
    func badAuthority() throws {
        let folder = try TemporaryFolder()
        try Data(TestAuthority().key.pem().withBytes { Array($0) }).write(to: folder.file("key.pem"))
        for (file, words) in [
            (folder.url.path, "is a folder"), (folder.file("none").path, "it is not there"),
            (folder.file("key.pem").path, "holds no certificate in PEM: it holds 1 private key"),
        ] {
            let address = try BrokerAddress(url: "https://a", pins: [], authority: file, allowsPlainHTTP: false)
            let failure = #expect(throws: GuestFailure.self) { try HTTPExchange(address) }
            #expect(failure?.kind == .unusable && failure?.description.hasPrefix("--ca: \(file) ") == true)
            #expect(failure?.description.contains(words) == true, "\(String(describing: failure))")
        }
    }

    @Test("Nobody there, TLS at a plain port and plain HTTP at a port of TLS are told in words, and tried again")
    func wrongPort() async throws {
        let authority = try TestAuthority()
        try await withTLS(authority.issue(), by: authority) { port, _ in
            let plain = await failure { try await exchange("http://localhost:\(port)", plain: true) }
            #expect(
                plain?.description == "The exchange with localhost:\(port) broke off: it closed the connection.")
            #expect(plain?.isTransient == true)
        }
        let listener = try TestListener { socket in
            let answer = "HTTP/1.1 400 Bad Request\r\n\r\n"
            _ = send(socket, answer, answer.utf8.count, Int32(MSG_NOSIGNAL))
        }
        let notTLS = await failure { try await exchange("https://localhost:\(listener.port)") }
        #expect(
            notTLS?.description
                == "The exchange with localhost:\(listener.port) broke off: it answers without TLS: use http://, or the "
                + "port for https://.")
        #expect(notTLS?.isTransient == true)
        let nobody = await failure { try await exchange("http://127.0.0.1:1", plain: true) }
        #expect(
            nobody?.description == "127.0.0.1:1 cannot be reached: Connection refused." && nobody?.isTransient == true)
    }

    @Test("A body without end, a silent server, and one that hangs up are failures")
    func misbehaving() async throws {
        let endless = "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + String(repeating: "x", count: 70_000)
        try await CannedServer.run([endless]) { _, port in
            let failure = await failure { try await exchange("http://127.0.0.1:\(port)", plain: true) }
            #expect(failure?.isTransient == false && failure?.description.contains("longer than") == true)
        }
        try await CannedServer.run([""]) { _, port in
            let failure = await failure {
                try await exchange("http://127.0.0.1:\(port)", plain: true, within: .milliseconds(200))
            }
            #expect(failure?.isTransient == true && failure?.description.contains("in time") == true)
        }
        try await CannedServer.run(["this is no HTTP\r\n\r\n"]) { _, port in
            let failure = await failure { try await exchange("http://127.0.0.1:\(port)", plain: true) }
            #expect(failure?.isTransient == true)
        }
    }

    private func unlock(
        _ port: Int, timeout: Duration = .seconds(120), callTimeout: Duration = .seconds(120), retries: Int? = nil,
        told: Sentences = Sentences()
    ) async throws -> Secret {
        var unlock = Unlock(
            workload: "web/1",
            address: try BrokerAddress(
                url: "http://127.0.0.1:\(port)/base/", pins: [], authority: nil, allowsPlainHTTP: true))
        (unlock.timeout, unlock.callTimeout) = (timeout, callTimeout)
        unlock.retries = retries
        unlock.firstPause = .milliseconds(10)
        return try await unlock.secret(from: DirectDevice()) { sentence in told.all.withLock { $0.append(sentence) } }
    }

    private func kind(_ body: () async throws -> Secret) async -> GuestFailure? {
        do {
            _ = try await body()
            return nil
        } catch { return error as? GuestFailure }
    }

    private static let challenge = CannedServer.text(
        "200 OK", #"{"nonce":"00112233445566778899aabbccddeeff","extra-params":""}"#,
        "Set-Cookie: other=1\r\nSet-Cookie: session_id=a.b-c_d==; Path=/\r\n")

    @Test("A busy broker is asked again, with a new challenge; a refusal is final")
    func retries() async throws {
        let busy = CannedServer.text("503 Service Unavailable", "unavailable: soon.", "Retry-After: 0\r\n")
        let limited = CannedServer.text("429 Too Many Requests", "slow down")
        let refusal = CannedServer.text("403 Forbidden", "evidence.refused: no\u{1B}[31m.\nReally\n")
        try await CannedServer.run([busy, Self.challenge, limited, Self.challenge, refusal]) { server, port in
            let told = Sentences()
            let failure = await kind { try await unlock(port, told: told) }
            #expect(failure?.kind == .refused)
            #expect(failure?.description == "The broker refused (403): evidence.refused: no[31m. Really", "no escapes")
            #expect(told.all.withLock { $0.count } == 2)
            let lines = server.asked.map { String($0.prefix { $0 != "\r\n" }) }
            let auth = "POST /base/kbs/v0/auth HTTP/1.1"
            let attest = "POST /base/kbs/v0/attest HTTP/1.1"
            #expect(lines == [auth, auth, attest, auth, attest])
            #expect(server.asked.dropFirst(2).first?.contains("Cookie: session_id=a.b-c_d==\r\n") == true)
        }
    }

    @Test("A call that is not answered is a failed try, and leaves time for the next")
    func silent() async throws {
        let refusal = CannedServer.text("403 Forbidden", "evidence.refused: no.")
        for answers in [["", refusal], [Self.challenge, "", refusal]] {
            try await CannedServer.run(answers) { server, port in
                let told = Sentences()
                // With all of the time for the first call, the second would never be made.
                let failure = await kind {
                    try await unlock(port, timeout: .seconds(3_600), callTimeout: .seconds(2), told: told)
                }
                #expect(failure?.kind == .refused, "\(String(describing: failure))")
                #expect(server.asked.count == answers.count)
                #expect(told.all.withLock { $0 }.allSatisfy { $0.contains("did not answer in time. Trying again") })
            }
        }
    }

    @Test("Retries and time are limits, and Retry-After beyond the time ends it")
    func limits() async throws {
        let busy = CannedServer.text("503 Service Unavailable", "unavailable: soon.", "Retry-After: 0\r\n")
        try await CannedServer.run([busy]) { server, port in
            let failure = await kind { try await unlock(port, retries: 2) }
            #expect(failure?.kind == .unreachable && server.asked.count == 3)
            #expect(failure?.description.contains("soon") == true)
        }
        let late = CannedServer.text("503 Service Unavailable", "unavailable", "Retry-After: 3600\r\n")
        try await CannedServer.run([late]) { server, port in
            let failure = await kind { try await unlock(port) }
            #expect(failure?.kind == .unreachable)
            #expect(server.asked.count == 1)
        }
    }

    @Test("An id is escaped in the key's path, and an answer for another key is no secret")
    func foreignKey() async throws {
        let key = CannedServer.text("200 OK", "\"" + String(repeating: "01", count: 256) + "\"")
        try await CannedServer.run([Self.challenge, CannedServer.text("200 OK", ""), key]) { server, port in
            let failure = await kind { try await unlock(port) }
            #expect(failure?.kind == .refused && failure?.description.contains("not encrypted to this guest") == true)
            #expect(server.asked.last?.hasPrefix("GET /base/kbs/v0/key/web%2F1 HTTP/1.1\r\n") == true)
        }
    }

    @Test("Answers that are not the protocol's are refused")
    func strange() async throws {
        let ok = CannedServer.text("200 OK", "")
        let cases: [([String], String)] = [
            ([CannedServer.text("200 OK", #"{"nonce":"0011"}"#, "Set-Cookie: session_id=a\r\n")], "nonce"),
            ([CannedServer.text("200 OK", #"{"nonce":"00112233445566778899aabbccddeeff"}"#)], "session_id"),
            ([Self.challenge, CannedServer.text("200 OK", "an error, as some brokers tell it")], "an error, as some"),
            ([Self.challenge, ok, CannedServer.text("200 OK", "\"xyz\"")], "hex"),
            ([CannedServer.text("302 Found", "", "Location: http://elsewhere.example/\r\n")], "302"),
        ]
        for (answers, words) in cases {
            try await CannedServer.run(answers) { _, port in
                let failure = await kind { try await unlock(port) }
                #expect(
                    failure?.kind == .refused && failure?.description.contains(words) == true,
                    "\(String(describing: failure))")
            }
        }
    }
}

@Suite("The guest's arguments")
struct ArgumentTests {
    @Test("Plain HTTP needs its flag, and has nothing to pin")
    func plain() throws {
        let pin = "sha256:" + String(repeating: "ab", count: 32)
        #expect(throws: GuestFailure.self) {
            try BrokerAddress(url: "http://a", pins: [], authority: nil, allowsPlainHTTP: false)
        }
        #expect(throws: GuestFailure.self) {
            try BrokerAddress(url: "http://a", pins: [pin], authority: nil, allowsPlainHTTP: true)
        }
        #expect(try BrokerAddress(url: "http://a", pins: [], authority: nil, allowsPlainHTTP: true).port == 80)
    }

    @Test(
        "URLs that name no broker are refused",
        arguments: [
            "", "broker", "ftp://a", "https://", "https://a?x=1", "https://u:p@a", "https://a:0", "https://a:99999",
        ])
    func urls(url: String) {
        #expect(throws: GuestFailure.self) {
            try BrokerAddress(url: url, pins: [], authority: nil, allowsPlainHTTP: false)
        }
    }

    @Test(
        "Pins that are not a SHA-256 are refused",
        arguments: [
            "", "sha256:", "sha256:abcd", "sha1:" + String(repeating: "ab", count: 32),
            String(repeating: "ab", count: 32),
        ])
    func pins(pin: String) {
        #expect(throws: GuestFailure.self) {
            try BrokerAddress(url: "https://a", pins: [pin], authority: nil, allowsPlainHTTP: false)
        }
    }

    @Test("An IPv6 address, a port and a path are read")
    func parts() throws {
        let address = try BrokerAddress(
            url: "https://[::1]:8443/kbs-a/", pins: [], authority: nil, allowsPlainHTTP: false)
        #expect(address.host == "::1" && address.port == 8_443 && address.path == "/kbs-a" && address.trust == .system)
    }

    @Test("Times are read, and bad ones refused")
    func times() throws {
        #expect(try Unlock.duration("90s") == .seconds(90))
        #expect(try Unlock.duration("5m") == .seconds(300))
        #expect(try Unlock.duration("7") == .seconds(7))
        for text in ["", "0", "0s", "-1s", "1d", "x", "99999999999999999999s"] {
            #expect(throws: GuestFailure.self) { try Unlock.duration(text) }
        }
    }

    @Test("Where the secret goes is one thing")
    func delivery() throws {
        for (out, cryptsetup) in [
            ("x", ["a", "b"]), (nil, ["a"]), (nil, ["a", "b", "c"]), (nil, ["a", "b/c"]), ("", []),
        ] as [(String?, [String])] {
            #expect(throws: GuestFailure.self) { try Delivery(out: out, cryptsetup: cryptsetup) }
        }
    }
}
