import Bytes
import Foundation
import Glibc
import TLSSupport
import Testing
import X509

@testable import TLS

@Suite("Who is trusted")
struct VerificationTests {
    init() { HandshakeTests.sigpipe }

    private func server(_ identity: TLSIdentity) throws -> TLSContext {
        try TLSContext(TLSServerConfiguration(identity))
    }

    @Test("A server is taken for the names and addresses that its certificate has, and for no other")
    func names() throws {
        let sides = try Sides(identity: nil)
        let names: [AlternativeName] = [.dns("kbs.example.org"), .dns("*.example.net"), .address([192, 0, 2, 1])]
        let context = try server(sides.authority.issue("a.example.com", names: names))
        let client = try sides.client()
        for host in ["kbs.example.org", "KBS.EXAMPLE.ORG", "a.example.net", "192.0.2.1"] {
            #expect(try Pair(context, client, host: host).shakeHands().isDone, "\(host)")
        }
        for host in ["example.org", "a.b.example.net", "example.net", "192.0.2.2", "::1", "evil.org", "a.example.com"] {
            let pair = try Pair(context, client, host: host).shakeHands()
            #expect(
                pair.clientError
                    == TLSError(
                        .certificate,
                        "its certificate is for kbs.example.org, *.example.net, 192.0.2.1, not for the name that was called"
                    ),
                "\(host)")
        }
        for host in ["", "a\0b"] { #expect(throws: TLSError.self) { try Pair(context, client, host: host) } }
    }

    @Test("A server that cannot be trusted is refused with the reason, and learns that it was")
    func refused() throws {
        let (authority, other) = (try TestAuthority(), try TestAuthority("Other"))
        let client = try TLSContext(TLSClientConfiguration(.authorities([authority.certificate])))
        let selfSigned = try SelfSignedCertificate(names: ["localhost"], days: 1)
        let cases: [(TLSIdentity, String, String)] = [
            (
                try other.issue("x"), "its certificate is from an authority that is not trusted here (CN=Other)",
                "authority"
            ),
            (
                try TestAuthority().issue("x"),
                "a signature in the chain of its certificate is wrong", "signature"
            ),
            (
                try TLSIdentity([selfSigned.certificate], PrivateKey(pem: selfSigned.keyPEM(), named: "x")),
                "its certificate is from an authority that is not trusted here (CN=localhost)", "authority"
            ),
            (
                try authority.issue("x", until: .now + 86_400 * -1),
                "its certificate has expired, or this machine's clock is wrong",
                "expired"
            ),
            (
                try authority.issue("x", from: .now + 86_400),
                "its certificate is not valid yet, or this machine's clock is wrong", "accept"
            ),
            (
                try authority.issue("x", for: [.clients]),
                "its certificate is for another use: it is not for servers", "another use"
            ),
            (
                try authority.issue("x", names: []),
                "its certificate is for no name at all, not for the name that was called", "accept"
            ),
        ]
        for (identity, reason, told) in cases {
            let pair = try Pair(server(identity), client).shakeHands()
            #expect(pair.clientError?.kind == .certificate)
            #expect(pair.clientError?.description == reason)
            #expect(pair.serverError?.kind == .refused, "\(pair.serverStep)")
            #expect(pair.serverError?.description.contains(told) == true, "\(pair.serverStep)")
            #expect(pair.client.peerCertificate == nil)
        }
    }

    @Test("A pinned key is trusted whatever the certificate says, and no other key is")
    func pins() throws {
        let expired = try TestAuthority().issue("x", names: [], until: .now + 86_400 * -1)
        let pin = expired.certificate.keyPin
        let context = try server(expired)
        #expect(
            try Pair(context, TLSContext(TLSClientConfiguration(.pins([pin]))), host: "anything").shakeHands().isDone)
        for pins in [[], [[UInt8](repeating: 0, count: 32)], [expired.certificate.fingerprint]] as [Set<[UInt8]>] {
            let pair = try Pair(context, TLSContext(TLSClientConfiguration(.pins(pins)))).shakeHands()
            #expect(pair.clientError == TLSError(.certificate, "its key is not one of the pinned keys"))
            #expect(pair.serverError?.kind == .refused)
        }
    }

    @Test("The system's authorities do not vouch for a test's")
    func system() throws {
        #expect(try Sides().shake { $0.trust = .system }.clientError?.kind == .certificate)
    }

    @Test(
        "A client may come without a certificate; one that it shows is there to be asked",
        arguments: [TLSVersion.tlsv12, .tlsv13])
    func clients(version: TLSVersion) throws {
        let clients = try TestAuthority("Clients")
        let sides = try Sides(clients: [clients])
        let without = try sides.shake { $0.versions = version...version }
        #expect(without.isDone && without.server.peerCertificate == nil)
        let identity = try clients.issue("registrar", for: [.clients])
        let with = try sides.shake {
            $0.versions = version...version
            $0.identity = identity
        }
        #expect(with.isDone && with.server.peerCertificate == identity.certificate)
        let any = try clients.issue("any", for: [])
        #expect(try sides.shake { $0.identity = any }.server.peerCertificate == any.certificate)
        // A server that does not ask gets none.
        #expect(try Sides().shake { $0.trust = .pins([]) }.server.peerCertificate == nil)
    }

    @Test(
        "A client's certificate of another authority, of a namesake, expired, or for servers ends the connection",
        arguments: [TLSVersion.tlsv12, .tlsv13])
    func badClients(version: TLSVersion) throws {
        let clients = try TestAuthority("Clients")
        let sides = try Sides(clients: [clients])
        let cases: [(TLSIdentity, String)] = [
            (try sides.authority.issue("x", for: [.clients]), "is from an authority that is not trusted here"),
            (try TestAuthority("Clients").issue("x", for: [.clients]), "a signature in the chain of"),
            (try clients.issue("x", for: [.clients], until: .now + 86_400 * -1), "has expired"),
            (try clients.issue("x", for: [.clients], from: .now + 86_400), "is not valid yet"),
            (try clients.issue("x", for: [.servers]), "is for another use: it is not for clients"),
        ]
        for (identity, reason) in cases {
            let pair = try sides.shake {
                $0.versions = version...version
                $0.identity = identity
            }
            #expect(pair.serverError?.kind == .certificate && pair.server.peerCertificate == nil)
            #expect(pair.serverError?.description.contains("the client's certificate") == true)
            #expect(pair.serverError?.description.contains(reason) == true, "\(pair.serverStep)")
            #expect(pair.clientError?.kind == .refused, "\(pair.clientStep)")
        }
        #expect(try sides.shake { $0.versions = version...version }.isDone, "and the server goes on")
    }

    @Test("A client's chain with a link that signs with a weak key is refused with the security level")
    func weakChain() throws {
        let key = try PrivateKey.makeRSA(bits: 1_024)
        var template = CertificateTemplate("Clients", from: .now - 60, until: .now + 3_600)
        template.isAuthority = true
        let weak = try template.selfSigned(by: key)
        let sides = try Sides { $0.clientAuthorities = [weak] }
        let leafKey = try PrivateKey.makeP256()
        var leaf = CertificateTemplate("x", from: .now - 60, until: .now + 3_600)
        leaf.usages = [.clients]
        let identity = try TLSIdentity([try leaf.issued(for: leafKey, by: weak, key)], leafKey)
        let pair = try sides.shake { $0.identity = identity }
        #expect(pair.serverError?.description.contains("security level 2") == true, "\(pair.serverStep)")
    }
}

@Suite("Sessions that are resumed")
struct ResumptionTests {
    init() { HandshakeTests.sigpipe }

    @Test(
        "A client that comes back resumes, with the certificate that it had shown",
        arguments: [TLSVersion.tlsv12, .tlsv13])
    func resumption(version: TLSVersion) throws {
        let clients = try TestAuthority("Clients")
        let sides = try Sides(clients: [clients])
        let identity = try clients.issue("ops", for: [.clients])
        let client = try sides.client {
            $0.versions = version...version
            $0.identity = identity
        }
        let ticket = try Pair(sides.server, client).shakeHands().ticket()
        let second = try Pair(sides.server, client, resuming: ticket).shakeHands()
        #expect(second.isDone && second.server.isResumed && second.client.isResumed)
        #expect(second.server.peerCertificate == identity.certificate)
    }

    @Test("A ticket is good until its key was replaced twice", arguments: [TLSVersion.tlsv12, .tlsv13])
    func rotation(version: TLSVersion) throws {
        let sides = try Sides()
        let client = try sides.client { $0.versions = version...version }
        let ticket = try Pair(sides.server, client).shakeHands().ticket()
        sides.server.rotateTicketKeys()
        let second = try Pair(sides.server, client, resuming: ticket).shakeHands()
        #expect(second.isDone && second.server.isResumed)
        // It was given a new one.
        let renewed = second.ticket()
        sides.server.rotateTicketKeys()
        #expect(try !Pair(sides.server, client, resuming: ticket).shakeHands().server.isResumed)
        #expect(try Pair(sides.server, client, resuming: renewed).shakeHands().server.isResumed)
    }

    @Test("No ticket of another generation resumes, least of all one of an authority that was removed")
    func generations() throws {
        let (clients, others) = (try TestAuthority("Clients"), try TestAuthority("Others"))
        let sides = try Sides(clients: [clients])
        let identity = try clients.issue("ops", for: [.clients])
        let client = try sides.client { $0.identity = identity }
        let ticket = try Pair(sides.server, client).shakeHands().ticket()
        let same = try TLSContext(TLSServerConfiguration(sides.identity, clientAuthorities: [clients.certificate]))
        #expect(try !Pair(same, client, resuming: ticket).shakeHands().server.isResumed)
        #expect(same.clientAuthoritiesDigest == sides.server.clientAuthoritiesDigest)
        let removed = try TLSContext(TLSServerConfiguration(sides.identity, clientAuthorities: [others.certificate]))
        let pair = try Pair(removed, client, resuming: ticket).shakeHands()
        #expect(!pair.server.isResumed && pair.serverError?.kind == .certificate && pair.server.peerCertificate == nil)
        #expect(removed.clientAuthoritiesDigest != sides.server.clientAuthoritiesDigest)
    }

    @Test("A connection keeps the generation that it began with, also when nobody else has it")
    func keeps() throws {
        var sides: Sides? = try Sides()
        weak let old = sides?.server
        let client = try #require(try sides?.client())
        let pair = try Pair(try #require(old), client)
        sides = nil
        #expect(pair.shakeHands().isDone && old != nil)
        #expect(pair.server.send("still") == .done(5) && pair.client.text().text == "still")
    }
}
