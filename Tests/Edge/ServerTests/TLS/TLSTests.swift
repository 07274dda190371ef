import BrokerSupport
import Bytes
import Crypto
import EdgeSupport
import Evidence
import EvidenceSupport
import Formats
import Foundation
import HTTP
import HTTPClient
import HTTPEdge
@testable import Installation
import SimulatedHardware
import TLS
import TLSSupport
import TestSupport
import Testing
import X509

@testable import Server

@Suite("TLS")
struct TLSTests {
    let folder: TemporaryFolder
    let authority: TestAuthority

    init() throws {
        folder = try TemporaryFolder()
        authority = try TestAuthority()
    }

    private func settings(_ clients: TestAuthority? = nil) throws -> TLSSettings {
        let files = try authority.issueFiles("server").write(folder)
        var tls = TLSSettings()
        (tls.certificate, tls.key) = (files.certificate, files.key)
        if let clients {
            let file = folder.file("clients.crt")
            try Data(clients.pem.utf8).write(to: file)
            tls.clientAuthorities = file
        }
        return tls
    }

    @Test("A guest boots over TLS, and the log says https")
    func boot() async throws {
        let tls = try settings()
        try await RunningServer.run({ $0.tls = tls }) { server in
            let base = "https://127.0.0.1:\(server.port)"
            let transport = GuestTransport(base: base, client: try authority.client())
            try await transport.register(
                "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            #expect(try await Simulated.guest("app").boot(over: transport) == Array("s".utf8))
            #expect(server.log.lines.contains { $0.contains("\(base)/kbs/v0") })
            let plain = try await server.send("GET", "/kbs/v0")
            #expect(plain.status == 400 && plain.body == "This port speaks TLS: use https://\n")
        }
    }

    @Test("TLS 1.2 and 1.3 are spoken, older versions are not; with 1.3 as the minimum 1.2 is not either")
    func versions() async throws {
        for (minimum, accepted) in [(TLSVersion.tlsv12, [.tlsv12, .tlsv13]), (.tlsv13, [.tlsv13])]
            as [(_, [TLSVersion])]
        {
            var tls = try settings()
            tls.minimumVersion = minimum
            let current = try CurrentTLS(try #require(try tls.files()))
            try await SmallServer.run(tls: current, calls: [Self.greeting]) { server in
                for version in [TLSVersion.tlsv1, .tlsv11, .tlsv12, .tlsv13] {
                    // What nobody should use is spoken by this client all the same.
                    let client = try authority.clientTLS(versions: version...version, ciphers: "ALL:@SECLEVEL=0")
                    if accepted.contains(version) {
                        #expect(try await TestAuthority.greet(server.port, client).text.hasPrefix("HTTP/1.1 200"))
                    } else {
                        let error = await #expect(throws: ConnectionError.self) {
                            try await TestAuthority.greet(server.port, client)
                        }
                        let isVersion = if case .tls(let tls)? = error { tls.kind == .version } else { false }
                        #expect(isVersion, "\(String(describing: error))")
                    }
                }
                #expect(await server.reached(.handshake, 4 - accepted.count))
            }
        }
    }

    @Test("In TLS 1.2 no cipher without forward secrecy or authentication is spoken")
    func ciphers() async throws {
        let current = try CurrentTLS(try #require(try settings().files()))
        try await SmallServer.run(tls: current, calls: [Self.greeting]) { server in
            func client(_ ciphers: String) throws -> TLSClientConfiguration {
                try authority.clientTLS(versions: .tlsv12 ... .tlsv12, ciphers: ciphers)
            }
            let weak = try client("ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0")
            await #expect(throws: ConnectionError.self) { try await TestAuthority.greet(server.port, weak) }
            let client = try client("ECDHE-ECDSA-AES128-GCM-SHA256")
            #expect(try await TestAuthority.greet(server.port, client).text.hasPrefix("HTTP/1.1 200"))
        }
    }

    private static let greeting = Call(.get, "kbs/v0", label: "probe", form: PlainText()) { request in
        let certificate = request.certificate.map(Hex.encode) ?? "none"
        return Response(status: .ok, body: Array("\(certificate) begins.".utf8))
    }

    @Test(
        "A client may come without a certificate; one that it shows reaches the routes, on each request",
        arguments: [TLSVersion.tlsv12, .tlsv13])
    func clientCertificates(version: TLSVersion) async throws {
        let clients = try TestAuthority("Clients")
        let current = try CurrentTLS(try #require(try settings(clients).files()))
        try await SmallServer.run(tls: current, calls: [Self.greeting]) { server in
            func ask(_ identity: TestAuthority.Issued?) async throws -> [String] {
                let tls = try authority.clientTLS(identity, versions: version...version)
                let caller = try await TLSTestSocket.connect(server.port, try TLSContext(tls))
                var replies: [String] = []
                for _ in 0..<2 {
                    let body = try await caller.ask().split(separator: "\r\n\r\n", maxSplits: 1).last
                    replies.append(body.map(String.init) ?? "")
                }
                return replies
            }
            #expect(try await ask(nil) == ["none begins.", "none begins."])
            let valid = try clients.issueFiles("registrar", for: .clients)
            let expected = "\(Hex.encode(valid.der)) begins."
            #expect(try await ask(valid) == [expected, expected])
            let refused: [(String, TestAuthority.Issued)] = [
                ("another authority's", try authority.issueFiles("x", for: .clients)),
                ("an authority's of the same name", try TestAuthority("Clients").issueFiles("x", for: .clients)),
                ("expired", try clients.issueFiles("x", for: .clients, days: -1)),
                ("a server's", try clients.issueFiles("x", for: .servers)),
            ]
            for (what, identity) in refused {
                await #expect(throws: (any Error).self, "\(what)") { try await ask(identity) }
            }
            #expect(try await ask(nil).count == 2, "and the server goes on")
            try await eventually("each is counted") { server.limits.counters[.handshake] >= refused.count }
        }
    }

    @Test("A handshake that does not end is cut like a head that does not, and others connect meanwhile")
    func slowHandshake() async throws {
        let current = try CurrentTLS(try #require(try settings().files()))
        var limits = LimitSettings.patient
        limits.headerTimeout = 2
        try await SmallServer.run(limits, tls: current, calls: [Self.greeting]) { server in
            try await RawConnection.open(server.port) { slow in
                // The beginning of a record that announces 512 bytes of handshake.
                try? await slow.send("\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}")
                // On a busy machine its own handshake may be late.
                try await eventually("another is served") {
                    let answer = try? await TestAuthority.greet(server.port, authority.clientTLS()).text
                    return answer?.hasPrefix("HTTP/1.1 200") == true
                }
                #expect(await slow.receive() == nil)
            }
            #expect(server.limits.counters[.headerTimeout] >= 1)
        }
    }

    @Test("Without client authorities no certificate is asked for, and none is believed")
    func noAuthorities() async throws {
        let current = try CurrentTLS(try #require(try settings().files()))
        try await SmallServer.run(tls: current, calls: [Self.greeting]) { server in
            let identity = try authority.issueFiles("x", for: .clients)
            let reply = try await TestAuthority.greet(server.port, authority.clientTLS(identity))
            #expect(reply.text.hasSuffix("none begins."))
        }
    }

    @Test("A client's certificate that expires while its connection lives is believed no more")
    func expiringPeer() throws {
        let issued = try authority.issueFiles("x", for: .clients, days: 1)
        let certificate = try X509Certificate(der: issued.der)
        #expect(PeerCertificate.believed(certificate, at: Date()) == issued.der)
        #expect(PeerCertificate.believed(certificate, at: Date().addingTimeInterval(86_401)) == nil)
        #expect(PeerCertificate.believed(nil) == nil)
    }
}

@Suite("The certificate's files")
struct TLSFilesTests {
    let folder: TemporaryFolder
    let authority: TestAuthority

    init() throws {
        folder = try TemporaryFolder()
        authority = try TestAuthority()
    }

    private func files(_ issued: TestAuthority.Issued, clients: String? = nil) throws -> TLSFiles {
        let pair = try issued.write(folder)
        let file = folder.file("clients.crt")
        if let clients { try Data(clients.utf8).write(to: file) }
        return TLSFiles(
            certificate: pair.certificate, key: pair.key, clientAuthorities: clients == nil ? nil : file,
            minimumVersion: .tlsv12)
    }

    @Test("What cannot be served with is refused, and the reason names the file")
    func unusable() throws {
        let good = try authority.issueFiles("server")
        let other = try authority.issueFiles("other")
        let half = String(good.pem.prefix(300))
        func variant(_ pem: String, _ key: String) -> TestAuthority.Issued { .init(pem: pem, keyPEM: key, der: []) }
        let cases: [(TestAuthority.Issued, String?, String)] = [
            (variant(good.pem, other.keyPEM), nil, "tls.key is not the key of the first certificate in /"),
            (variant(authority.pem + good.pem, good.keyPEM), nil, "is not the key of the first certificate"),
            (variant("", good.keyPEM), nil, "tls.crt holds no certificate"),
            (variant(half, good.keyPEM), nil, "tls.crt has a certificate that is cut short"),
            (variant(good.pem + half, good.keyPEM), nil, "tls.crt has a certificate that is cut short"),
            (variant(good.keyPEM, good.keyPEM), nil, "tls.crt holds no certificate"),
            (variant(good.pem, ""), nil, "tls.key does not hold a whole private key"),
            (variant(good.pem, String(good.keyPEM.prefix(100))), nil, "tls.key does not hold a whole private key"),
            (variant(good.pem, good.pem), nil, "tls.key does not hold a whole private key"),
            (good, "", "clients.crt holds no certificate"), (good, half, "clients.crt has a certificate"),
        ]
        for (issued, clients, reason) in cases {
            let files = try files(issued, clients: clients)
            let error = #expect(throws: InvalidSetting.self, "\(reason)") { try CurrentTLS(files) }
            #expect(error?.description.contains(reason) == true, "\(String(describing: error)): \(reason)")
            #expect(error?.description.contains("PRIVATE KEY-----") == false)
        }
        _ = try CurrentTLS(files(variant(good.pem + authority.pem, good.keyPEM)))
        try FileManager.default.removeItem(at: folder.file("tls.key"))
        let missing = TLSFiles(
            certificate: folder.file("tls.crt"), key: folder.file("tls.key"), clientAuthorities: nil,
            minimumVersion: .tlsv12)
        let error = #expect(throws: InvalidSetting.self) { try CurrentTLS(missing) }
        #expect(error?.description.contains("tls.key cannot be read") == true)
    }

    @Test(
        "A broken replacement keeps the old pair and is told once; a whole one is taken up, also by a link that moves")
    func reload() throws {
        let first = try authority.issueFiles("server", days: 10)
        let current = try CurrentTLS(files(first))
        #expect(abs(current.daysToExpiry() - 10) < 0.1)
        func isUnchanged() -> Bool { if case .unchanged = current.reload() { true } else { false } }
        func refusal() -> String? {
            if case .refused(let reason) = current.reload() { reason.description } else { nil }
        }
        func isReplaced() -> Bool { if case .replaced = current.reload() { true } else { false } }
        #expect(isUnchanged())
        let second = try authority.issueFiles("server", days: 20)
        try Data(second.pem.utf8).write(to: folder.file("tls.crt"))
        #expect(refusal()?.contains("is not the key") == true)
        #expect(isUnchanged(), "not told again")
        #expect(current.daysToExpiry() < 11)
        try FileManager.default.removeItem(at: folder.file("tls.key"))
        #expect(refusal()?.contains("cannot be read") == true)
        #expect(isUnchanged(), "not told again")
        try Data(second.keyPEM.utf8).write(to: folder.file("tls.key"))
        #expect(isReplaced())
        #expect(current.daysToExpiry() > 19)
        #expect(isUnchanged())

        // As a Kubernetes volume has it: the files are links through a folder that is itself a link.
        let manager = FileManager.default
        for (name, issued) in [("a", first), ("b", second)] {
            let version = folder.file(name)
            try manager.createDirectory(at: version, withIntermediateDirectories: true)
            try Data(issued.pem.utf8).write(to: version.appending(path: "tls.crt"))
            try Data(issued.keyPEM.utf8).write(to: version.appending(path: "tls.key"))
        }
        try manager.createSymbolicLink(atPath: folder.file("now").path, withDestinationPath: "a")
        let linked = try CurrentTLS(
            TLSFiles(
                certificate: folder.file("now/tls.crt"), key: folder.file("now/tls.key"), clientAuthorities: nil,
                minimumVersion: .tlsv12))
        try manager.createSymbolicLink(atPath: folder.file("next").path, withDestinationPath: "b")
        #expect(rename(folder.file("next").path, folder.file("now").path) == 0)
        guard case .replaced = linked.reload() else { Issue.record("the link was not followed"); return }
        #expect(linked.daysToExpiry() > 19)
    }

    @Test("The end of a certificate is told 30 days before, 7 days before, then each day, and anew for another")
    func expiry() {
        var watch = ExpiryWatch()
        let (end, day) = (Date(timeIntervalSince1970: 2_000_000_000), 86_400.0)
        func at(_ daysLeft: Double) -> ExpiryWatch.Warning? {
            watch.warning(expiry: end, at: end.addingTimeInterval(-daysLeft * day))
        }
        #expect(at(30.1) == nil)
        #expect(at(30) == .month)
        #expect(at(20) == nil)
        #expect(at(7) == .week)
        #expect(at(6.5) == nil)
        #expect(at(6) == .week)
        #expect(at(0) == .expired)
        #expect(at(-0.5) == nil)
        #expect(at(-1) == .expired)
        let now = end.addingTimeInterval(day)
        #expect(watch.warning(expiry: now.addingTimeInterval(90 * day), at: now) == nil)
        #expect(watch.warning(expiry: now.addingTimeInterval(29 * day), at: now) == .month)
    }

    @Test("A self-signed certificate has its names, both kinds of pins, and files that are not lost by accident")
    func selfSigned() throws {
        let names = ["kbs.example", "*.kbs.example", "192.0.2.1", "2001:db8::1"]
        let made = try SelfSignedCertificate(names: names, days: 30)
        #expect(
            made.certificate.alternativeNames == [
                .dns("kbs.example"), .dns("*.kbs.example"), .address([192, 0, 2, 1]),
                .address([0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]),
            ])
        let der = try #require(try X509Certificate.read(pem: Array(made.certificate.pem.utf8), named: "it").first).der
        #expect(made.certificate.fingerprint == Array(SHA256.hash(data: der)))
        #expect(made.certificate.keyPin == Array(SHA256.hash(data: made.certificate.publicKeyInfo)))
        let out = folder.file("out").path
        let files = try made.write(to: out, overwriting: false)
        let mode = try FileManager.default.attributesOfItem(atPath: files.key)[.posixPermissions] as? NSNumber
        #expect(mode?.intValue == 0o600)
        #expect(throws: CertificateError.self) { try made.write(to: out, overwriting: false) }
        let served = try CurrentTLS(
            TLSFiles(
                certificate: URL(filePath: files.certificate), key: URL(filePath: files.key), clientAuthorities: nil,
                minimumVersion: .tlsv12))
        #expect(abs(served.daysToExpiry() - 30) < 0.1)
        _ = try SelfSignedCertificate(names: names, days: 60).write(to: out, overwriting: true)
        guard case .replaced = served.reload() else { Issue.record("it was not replaced"); return }
        for wrong in [[], [""], ["-x"], ["a..b"], ["a b"], ["192.0.2.300/1"], [String(repeating: "a", count: 64)]] {
            #expect(throws: CertificateError.self, "\(wrong)") { try SelfSignedCertificate(names: wrong, days: 1) }
        }
        for days in [0, 3_651] {
            #expect(throws: CertificateError.self) { try SelfSignedCertificate(names: ["x"], days: days) }
        }
    }
}

extension CurrentTLS {
    /// Until the certificate that is served now expires.
    fileprivate func daysToExpiry() -> Double { expiry.timeIntervalSinceNow / 86_400 }
}
