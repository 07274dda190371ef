import Bytes
import Foundation
import TLSSupport
import Testing
import X509

@Suite("Certificates and keys from files")
struct ReadingTests {
    private func certificateError(_ file: [UInt8]) -> String {
        do {
            _ = try X509Certificate.read(pem: file, named: "tls.crt")
            return "it was read"
        } catch { return "\(error)" }
    }

    private func keyError(_ file: [UInt8]) -> String {
        do {
            _ = try PrivateKey(pem: Secret(file), named: "tls.key")
            return "it was read"
        } catch { return "\(error)" }
    }

    @Test("Every certificate of a file is read, in its order, with explanations and blanks around them")
    func several() throws {
        let (a, b) = (try TestAuthority("a").certificate, try TestAuthority("b").certificate)
        let text = "Bag Attributes: x\n" + a.pem + "\nsubject=b\n" + b.pem.replacing("\n", with: "  \r\n") + "end"
        #expect(try X509Certificate.read(pem: Array(text.utf8), named: "x") == [a, b])
    }

    @Test("Lines of 76 characters, which other tools write, are read")
    func longLines() throws {
        let certificate = try TestAuthority().certificate
        let digits = Data(certificate.der).base64EncodedString(options: [.lineLength76Characters, .endLineWithLineFeed])
        let text = "-----BEGIN CERTIFICATE-----\n\(digits)\n-----END CERTIFICATE-----\n"
        #expect(try X509Certificate.read(pem: Array(text.utf8), named: "x") == [certificate])
    }

    @Test("What is no file of certificates is called by what it is")
    func noCertificates() throws {
        let certificate = try TestAuthority().certificate
        let pem = Array(certificate.pem.utf8)
        let key = try PrivateKey.makeP256().pem().withBytes { Array($0) }
        for (file, expected) in [
            ([], "tls.crt holds no certificate in PEM: it is empty"),
            (Array("hello".utf8), "tls.crt holds no certificate in PEM"),
            (
                certificate.der,
                "tls.crt holds no certificate in PEM: it is DER: openssl x509 -inform der -in FILE -out FILE.pem"
            ),
            (
                Hex.decode(OpenSSLFiles.pkcs12) ?? [],
                "tls.crt holds no certificate in PEM: it is a PKCS #12 store: openssl pkcs12 -in FILE -noenc"
            ),
            (
                [0xEF, 0xBB, 0xBF] + pem,
                "tls.crt holds no certificate in PEM: it begins with a byte order mark: save it as plain text"
            ),
            (key, "tls.crt holds no certificate in PEM: it holds 1 private key"),
            (
                Array(OpenSSLFiles.request.utf8),
                "tls.crt holds no certificate in PEM: it holds 1 certificate request"
            ),
            (Array(pem.prefix(300)), "tls.crt has a certificate that is cut short or is none"),
            (pem + pem.prefix(300), "tls.crt has a certificate that is cut short or is none"),
            (
                Array("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".utf8),
                "tls.crt has a certificate that is cut short or is none"
            ),
        ] as [([UInt8], String)] { #expect(certificateError(file) == expected) }
        #expect(throws: CertificateError.self) { try X509Certificate(der: certificate.der + [0]) }
    }

    @Test("Keys of all kinds of PEM are read, also one behind certificates or its curve's name")
    func keys() throws {
        for key in [try PrivateKey.makeP256(), try .makeRSA(bits: 2_048)] {
            let pem = try key.pem()
            let certificate = try CertificateTemplate("x", from: .now, until: .now + 60).selfSigned(by: key)
            #expect(try PrivateKey(pem: pem, named: "x").belongs(to: certificate))
            let both = Array(certificate.pem.utf8) + pem.withBytes { Array($0) }
            #expect(try PrivateKey(pem: Secret(both), named: "x").belongs(to: certificate))
        }
        #expect(keyError(Array(OpenSSLFiles.keyWithParameters.utf8)) == "it was read")
    }

    @Test("A key with a passphrase is told with the command that takes it away, and nobody is asked for it")
    func encrypted() {
        for file in [OpenSSLFiles.encryptedKey, OpenSSLFiles.encryptedOldKey] {
            #expect(
                keyError(Array(file.utf8))
                    == "tls.key is encrypted: openssl pkey -in FILE -out FILE.pem takes the passphrase away")
        }
    }

    @Test("What is no key is called by what it is, and never shown")
    func noKeys() throws {
        let certificate = try TestAuthority().certificate
        let key = try PrivateKey.makeP256().pem().withBytes { Array($0) }
        let problem = "tls.key does not hold a whole private key in PEM"
        let der = try #require(
            Data(base64Encoded: String(decoding: key, as: UTF8.self).split(separator: "\n")[1...3].joined()))
        for (file, expected) in [
            ([], "\(problem): it is empty"), (Array("hello".utf8), problem),
            (Array((certificate.pem + certificate.pem).utf8), "\(problem): it holds 2 certificates and no key"),
            (Array(key.prefix(100)), "\(problem): it is cut short"),
            (Array(der), "\(problem): it is DER: openssl pkey -inform der -in FILE -out FILE.pem"),
            ([0xEF, 0xBB, 0xBF] + key, "\(problem): it begins with a byte order mark: save it as plain text"),
            (
                Array("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n".utf8),
                "\(problem): what it holds is damaged"
            ),
            (
                Array("-----BEGIN OPENSSH PRIVATE KEY-----\nMAA=\n-----END OPENSSH PRIVATE KEY-----\n".utf8),
                "\(problem): it holds an OpenSSH key; ssh-keygen -p -m pkcs8 -f FILE rewrites it"
            ),
        ] as [([UInt8], String)] { #expect(keyError(file) == expected) }
        #expect("\(try PrivateKey.makeP256())" == "PrivateKey")
    }

    @Test("A key that is not the first certificate's is refused")
    func foreignKey() throws {
        let issuer = try TestAuthority()
        let identity = try issuer.issue()
        let error = #expect(throws: CertificateError.self) {
            try TLSIdentity(
                certificates: Array((issuer.certificate.pem + identity.certificate.pem).utf8), named: "tls.crt",
                key: try identity.key.pem(), named: "tls.key")
        }
        #expect(error?.description == "tls.key is not the key of the first certificate in tls.crt")
        let whole = try TLSIdentity(
            certificates: Array((identity.certificate.pem + issuer.certificate.pem).utf8), named: "tls.crt",
            key: try identity.key.pem(), named: "tls.key")
        #expect(whole.chain == [identity.certificate, issuer.certificate])
    }

    @Test("A certificate that ends before it begins is refused")
    func backwards() throws {
        let error = #expect(throws: CertificateError.self) { try TestAuthority().issue(from: .now, until: .now - 60) }
        #expect(error?.description == "the certificate: the certificate ends before it begins")
    }
}
