import Bytes
import Foundation
import TLSSupport
import Testing
import X509

@Suite("What a certificate says")
struct CertificateTests {
    private let certificate: X509Certificate

    init() throws {
        certificate = try X509Certificate.read(pem: Array(OpenSSLFiles.certificate.utf8), named: "x")[0]
    }

    @Test("Names are written as version 0.2.0 wrote them, the last part first, with its escapes")
    func names() {
        #expect(
            certificate.subject.description
                == #"0.9.2342.19200300.100.1.1=joe,STREET=x,2.5.4.5=5,DC=org,E=a@example.org,CN=kbs.example.org,"#
                + ##"OU=A+OU=B,O=Acme \\ \"Co\",L=M\+x\"#,ST=Ba\, yern,C=DE"##)
        #expect(certificate.subject == certificate.issuer && certificate.isSelfIssued)
        #expect(certificate.subject.commonNames == ["kbs.example.org"])
        #expect(certificate.alternativeNames == [.dns("kbs.example.org"), .address([127, 0, 0, 1])])
        #expect(certificate.description.hasSuffix(",C=DE, serial 0a:01:ff:00:b2"))
    }

    @Test("Blanks at the ends, line ends and control characters of a name are escaped")
    func escapes() throws {
        let template = CertificateTemplate(" #a\nb\u{1B}[31m ", from: .now, until: .now + 60)
        let name = try template.selfSigned(by: .makeP256()).subject
        #expect(name.description == ##"CN=\ \#a\0ab\1b[31m\ "##)
    }

    @Test("Pins and times are what OpenSSL's commands say")
    func pins() {
        #expect(
            Hex.encode(certificate.fingerprint) == "bc7c5a9072ff32031c659d3a929d86d5ae82bc81b006d5b360aa6f8d4ff7503d")
        #expect(Hex.encode(certificate.keyPin) == "bde9346ed5ee5b89ba8e273efb1e69fb11f811b61f38c35f37895da9890753f1")
        #expect(certificate.notBefore.formatted(.iso8601) == "2026-11-30T02:37:34Z")
        #expect(certificate.notAfter.formatted(.iso8601) == "2027-02-28T02:37:34Z")
        #expect(certificate.extendedKeyUsages == nil && certificate.isAuthority)
    }

    @Test("A signature counts only with the issuer's key and name")
    func signatures() throws {
        let (issuer, namesake, other) = (try TestAuthority("A"), try TestAuthority("A"), try TestAuthority("B"))
        let leaf = try issuer.issue().certificate
        #expect(leaf.isSigned(by: issuer.certificate))
        #expect(!leaf.isSigned(by: namesake.certificate) && !leaf.isSigned(by: other.certificate))
        #expect(!leaf.isSigned(by: leaf) && certificate.isSigned(by: certificate))
        #expect(issuer.certificate.isAuthority && !leaf.isAuthority)
    }

    @Test("Uses are told, and a certificate without any may be used by all")
    func uses() throws {
        let issuer = try TestAuthority()
        let client = try issuer.issue(for: [.clients]).certificate
        #expect(client.isFor(.clients) && !client.isFor(.servers) && client.extendedKeyUsages == ["clientAuth"])
        let any = try issuer.issue(for: []).certificate
        #expect(any.isFor(.clients) && any.isFor(.servers) && any.extendedKeyUsages == nil)
    }

    @Test("Names of every kind come back from a certificate")
    func alternativeNames() throws {
        let names: [AlternativeName] = [
            .dns("ci.example.org"), .uri("spiffe://example.org/registrar"), .email("a@example.org"),
            .address([UInt8](repeating: 0, count: 15) + [1]),
        ]
        let made = try TestAuthority().issue(names: names).certificate.alternativeNames
        #expect(made == names && made.map(\.hostText) == ["ci.example.org", nil, nil, "::1"])
    }

    @Test(
        "Host names and addresses are read, and what is neither refused",
        arguments: ["kbs.example.org", "*.example.org", "a", "192.0.2.1", "::1"])
    func hosts(_ text: String) throws { #expect(try AlternativeName(host: text).hostText == text) }

    @Test(
        "Texts that are no names are refused",
        arguments: ["", "a..b", "-a", "a-", "a_b", "a b", "a/b", "*", "a.*.b", "ü"])
    func noHosts(_ text: String) { #expect(throws: CertificateError.self) { try AlternativeName(host: text) } }

    @Test("Each certificate that is made has a serial number of its own")
    func serials() throws {
        let serials = try Set((0..<20).map { _ in try TestAuthority().certificate.serialNumber })
        #expect(serials.count == 20)
    }
}

@Suite("What is to be said of a server's certificate")
struct FindingTests {
    private func finding(
        _ subject: CertificateFinding.Subject, _ identity: TLSIdentity, host: String? = nil
    ) throws -> CertificateFinding {
        try #require(identity.findings(at: .now, reachedAs: host).first { $0.subject == subject })
    }

    @Test("One that is in order has nothing against it")
    func fine() throws {
        let issuer = try TestAuthority()
        let leaf = try issuer.issue()
        let identity = try TLSIdentity([leaf.certificate, issuer.certificate], leaf.key)
        #expect(identity.findings(at: .now, reachedAs: "localhost").allSatisfy { $0.level == .fine })
        #expect(identity.refusals(at: .now).isEmpty)
        #expect(try finding(.chain, identity).found == "2 certificates in the right order")
    }

    @Test("One that has expired, or is not valid yet, is refused by clients; one that expires soon is a warning")
    func expiry() throws {
        let issuer = try TestAuthority()
        let expired = try issuer.issue(from: .now - 7_200, until: .now - 3_600)
        #expect(try finding(.expiry, expired).found.hasPrefix("it expired on 20"))
        let future = try issuer.issue(from: .now + 86_400 * 30, until: .now + 86_400 * 60)
        #expect(try finding(.expiry, future).found.hasSuffix(" only"))
        #expect(expired.refusals(at: .now).map(\.subject) == [.expiry])
        #expect(future.refusals(at: .now).map(\.subject) == [.expiry])
        let soon = try issuer.issue(until: .now + 86_400 * 5 + 60)
        #expect(try finding(.expiry, soon).found == "it expires in 5 days")
        #expect(try finding(.expiry, soon).level == .warning)
    }

    @Test("One for clients only is refused by clients")
    func use() throws {
        let identity = try TestAuthority().issue(for: [.clients])
        #expect(identity.refusals(at: .now).map(\.found) == ["it is for clientAuth, not for servers"])
    }

    @Test("One without a name is refused by clients; one with another name than the host's is a warning")
    func names() throws {
        let issuer = try TestAuthority()
        #expect(try issuer.issue(names: []).refusals(at: .now).map(\.subject) == [.names])
        #expect(try issuer.issue(names: [.uri("a:b")]).refusals(at: .now).map(\.subject) == [.names])
        let wild = try issuer.issue(names: [.dns("*.example.org"), .address([192, 0, 2, 1])])
        for host in ["a.example.org", "A.EXAMPLE.org", "192.0.2.1"] {
            #expect(try finding(.names, wild, host: host).level == .fine, "\(host)")
        }
        for host in ["a.b.example.org", "example.org", "192.0.2.2"] {
            #expect(
                try finding(.names, wild, host: host).found
                    == "it is for *.example.org, 192.0.2.1, and the server listens on \(host)")
        }
    }

    @Test("A chain in the wrong order is a problem, one that lacks what leads to a root a warning")
    func chain() throws {
        let (issuer, other) = (try TestAuthority("A"), try TestAuthority("B"))
        let leaf = try issuer.issue()
        let wrong = try TLSIdentity([leaf.certificate, other.certificate], leaf.key)
        #expect(try finding(.chain, wrong).found == "CN=server is followed by CN=B, which did not sign it")
        #expect(try finding(.chain, wrong).level == .problem)
        #expect(try finding(.chain, leaf).level == .warning)
        #expect(try finding(.chain, leaf).advice.contains("(CN=A)"))
    }
}

@Suite("A certificate that vouches for itself")
struct SelfSignedTests {
    @Test("It is for the names that were given, for servers, from an hour ago, and in order but for its root")
    func made() throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let made = try SelfSignedCertificate(names: ["kbs.example.org", "192.0.2.10"], days: 90, now: now)
        let certificate = made.certificate
        #expect(certificate.subject.description == "CN=kbs.example.org" && certificate.isSelfIssued)
        #expect(certificate.isSigned(by: certificate) && !certificate.isAuthority)
        #expect(certificate.notBefore == now - 3_600 && certificate.notAfter == now + 90 * 86_400)
        #expect(certificate.alternativeNames.compactMap(\.hostText) == ["kbs.example.org", "192.0.2.10"])
        #expect(certificate.extendedKeyUsages == ["serverAuth"])
        let identity = try TLSIdentity(
            certificates: Array(made.certificate.pem.utf8), named: "c", key: try made.keyPEM(), named: "k")
        #expect(identity.findings(at: now).allSatisfy { $0.level == .fine })
    }

    @Test("Names and days that cannot be are refused")
    func refused() {
        for (names, days, words) in [
            ([], 90, "--name"), (["a b"], 90, "neither a DNS name nor an IP address"), (["a"], 0, "1 to 3650"),
            (["a"], 3_651, "1 to 3650"),
        ] as [([String], Int, String)] {
            let error = #expect(throws: CertificateError.self) { try SelfSignedCertificate(names: names, days: days) }
            #expect(error?.description.contains(words) == true)
        }
    }

    @Test("Its key is for its owner only, and nothing is replaced unless that is wanted")
    func written() throws {
        let scratch = try Scratch()
        let folder = scratch.path + "/tls"
        let first = try SelfSignedCertificate(names: ["a"], days: 1).write(to: folder, overwriting: false)
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(first.key) == 0o600)
        #expect(try mode(first.certificate) == 0o644)
        let before = try Data(contentsOf: URL(filePath: first.key))
        let second = try SelfSignedCertificate(names: ["a"], days: 1)
        let error = #expect(throws: CertificateError.self) { try second.write(to: folder, overwriting: false) }
        #expect(error?.description.contains("--force") == true)
        #expect(try Data(contentsOf: URL(filePath: first.key)) == before)
        _ = try second.write(to: folder, overwriting: true)
        #expect(try Data(contentsOf: URL(filePath: first.key)) != before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == ["tls.crt", "tls.key"])
    }
}
