import Foundation
import HTTP
import TLS
import TLSSupport
import Testing
import X509

@testable import HTTPClient

@Suite("TLS")
struct SecureTests {
    let authority: TestAuthority

    init() throws { authority = try TestAuthority() }

    private func get(
        _ url: String, trusting authorities: [UInt8]?, _ change: (inout HTTP1Client.Configuration) -> Void = { _ in }
    ) async throws -> String {
        try await send(HTTPClientRequest(url: url)) {
            $0.authorities = authorities
            change(&$0)
        }.text
    }

    private func complaint(
        _ url: String, trusting authorities: [UInt8]?, _ change: (inout HTTP1Client.Configuration) -> Void = { _ in }
    ) async throws -> HTTPClientError {
        try await failure(HTTPClientRequest(url: url)) {
            $0.authorities = authorities
            $0.trustAdvice = "name its authority in KBS_CA"
            change(&$0)
        }
    }

    @Test("A server that a given authority vouches for is trusted, by its name and by its address")
    func trusted() async throws {
        let server = try SecureStandIn(try authority.issue())
        #expect(try await get(server.url, trusting: authority.pem).hasSuffix("hello"))
        #expect(try await get("https://localhost:\(server.port)", trusting: authority.pem).hasSuffix("hello"))
        let two = Array("another file's text\n".utf8) + (try TestAuthority("Other")).pem + authority.pem
        #expect(try await get(server.url, trusting: two).hasSuffix("hello"))
    }

    @Test("The very certificate of a server is trusted, self-signed or issued")
    func pinned() async throws {
        let own = try SelfSignedCertificate(names: ["127.0.0.1"], days: 9)
        let selfSigned = try SecureStandIn(
            try TLSIdentity([own.certificate], PrivateKey(pem: own.keyPEM(), named: "key")))
        #expect(try await get(selfSigned.url, trusting: Array(own.certificate.pem.utf8)).hasSuffix("hello"))
        let issued = try authority.issue()
        let server = try SecureStandIn(issued)
        #expect(try await get(server.url, trusting: Array(issued.certificate.pem.utf8)).hasSuffix("hello"))
    }

    @Test(
        "A server of another authority is not trusted, whichever authorities are given, and the error says what to do")
    func unknownAuthority() async throws {
        let server = try SecureStandIn(try authority.issue())
        for authorities in [try TestAuthority("Other").pem, try TestAuthority().pem, nil] {
            let error = try await complaint(server.url, trusting: authorities)
            #expect(error.reason == .certificate)
            #expect(
                error.description
                    == "The certificate of 127.0.0.1:\(server.port) is of an unknown authority and not trusted: "
                    + "name its authority in KBS_CA.", "\(error)")
        }
        let own = try SelfSignedCertificate(names: ["127.0.0.1"], days: 9)
        let selfSigned = try SecureStandIn(
            try TLSIdentity([own.certificate], PrivateKey(pem: own.keyPEM(), named: "key")))
        let error = try await complaint(selfSigned.url, trusting: nil)
        #expect(
            error.description
                == "The certificate of 127.0.0.1:\(selfSigned.port) is self-signed and not trusted: name its "
                + "authority in KBS_CA.", "\(error)")
    }

    @Test("A certificate that has expired, is not valid yet, for another name, or not for servers")
    func certificates() async throws {
        let cases: [(TLSIdentity, String)] = [
            (try authority.issue(until: .now - 3_600), "has expired"),
            (try authority.issue(from: .now + 86_400), "is not valid yet"),
            (
                try authority.issue(names: [.dns("kbs.example.org")]),
                "is for another name than 127.0.0.1: it has kbs.example.org. Use"
            ),
            (try authority.issue(names: [.dns("127.0.0.1")]), "is for another name than 127.0.0.1: it has 127.0.0.1."),
            (try authority.issue(for: [.clients]), "is not for servers"),
        ]
        for (identity, words) in cases {
            let server = try SecureStandIn(identity)
            let error = try await complaint(server.url, trusting: authority.pem)
            #expect(error.reason == .certificate)
            #expect(error.description.hasPrefix("The certificate of 127.0.0.1:\(server.port)"))
            #expect(error.description.contains(words), "\(error)")
            #expect(server.standIn.heads.isEmpty, "nothing is sent to it")
        }
    }

    @Test("A server that is not verified is answered for, and nobody who verifies uses its connection")
    func notVerified() async throws {
        let server = try SecureStandIn(try authority.issue(names: [.dns("kbs.example.org")]))
        for _ in 0..<2 { _ = try await get(server.url, trusting: nil) { $0.verifiesServer = false } }
        #expect(try await complaint(server.url, trusting: authority.pem).reason == .certificate)
        #expect(try await complaint(server.url, trusting: nil).reason == .certificate)
    }

    @Test("A connection is used again only by clients with the same authorities")
    func separateConnections() async throws {
        let server = try SecureStandIn(try authority.issue())
        _ = try await get(server.url, trusting: authority.pem)
        #expect(try await complaint(server.url, trusting: try TestAuthority("Other").pem).reason == .certificate)
        #expect(try await complaint(server.url, trusting: nil).reason == .certificate)
    }

    @Test("Authorities that are none trust nobody")
    func noAuthorities() async throws {
        let server = try SecureStandIn(try authority.issue())
        for authorities in [
            [], Array("nothing".utf8), Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8),
        ] {
            let error = try await complaint(server.url, trusting: authorities)
            #expect(error.reason == .certificate, "\(error)")
            #expect(error.description.contains("not certificates in PEM"), "\(error)")
        }
    }

    @Test("http to a port with TLS")
    func plainToTLS() async throws {
        let server = try SecureStandIn(try authority.issue())
        let error = try await failure(HTTPClientRequest(url: "http://127.0.0.1:\(server.port)"))
        #expect(error.reason == .notHTTP || error.reason == .interrupted, "\(error)")
    }

    @Test("Through a tunnel the server's certificate is held against the server's name")
    func tunnel() async throws {
        let proxy = try SecureStandIn.tunnel(try authority.issue(names: [.dns("kbs.example.org")]))
        let proxies = ProxySettings(environment: ["https_proxy": "http://user:pass@127.0.0.1:\(proxy.port)"])
        let request = HTTPClientRequest(
            url: "https://kbs.example.org", path: "/x", headers: [.authorization: "Bearer kbs_token"])
        let answer = try await send(request) {
            $0.authorities = authority.pem
            $0.proxies = proxies
        }
        #expect(answer.text.hasSuffix("hello"))
        try #require(proxy.heads.count == 2)
        #expect(!proxy.heads[0].contains("kbs_token") && !proxy.heads[1].contains("Proxy-"))
        #expect(
            proxy.heads[1].hasPrefix("GET /x HTTP/1.1\r\nHost: kbs.example.org\r\nAuthorization: Bearer kbs_token\r\n"))
        let other = try await complaint("https://other.example.org", trusting: authority.pem) { $0.proxies = proxies }
        #expect(other.reason == .certificate && other.description.contains("other.example.org"), "\(other)")
    }
}
