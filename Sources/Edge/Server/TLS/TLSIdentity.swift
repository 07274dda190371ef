import Crypto
import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// A certificate with its key, ready to serve with.
struct TLSIdentity: Sendable {
    let context: NIOSSLContext
    /// When the certificate, and so the service, begins and ends.
    let validity: ClosedRange<Date>
    /// For an operator: the certificate's subject and serial number.
    let name: String
    /// SHA-256 of the file with the clients' authorities.
    let authorities: [UInt8]

    /// Reads what the files held.
    ///
    /// - Throws: ``InvalidSetting`` that says which file is wrong, and how.
    init(_ contents: TLSFiles.Contents, of files: TLSFiles) throws {
        let certificateName = "tls.certificate: \(files.certificate.path(percentEncoded: false))"
        let keyName = "tls.key: \(files.key.path(percentEncoded: false))"
        let chain = try Self.certificates(contents.certificate, certificateName)
        guard let first = chain.first else { throw InvalidSetting("\(certificateName) holds no certificate") }
        let leaf: Certificate
        do {
            leaf = try Certificate(derEncoded: first.toDERBytes())
        } catch {
            throw InvalidSetting("\(certificateName) begins with a certificate that cannot be read: \(error)")
        }
        guard leaf.notValidBefore <= leaf.notValidAfter else {
            throw InvalidSetting("\(certificateName): the certificate ends before it begins")
        }
        let key: NIOSSLPrivateKey
        do {
            key = try NIOSSLPrivateKey(bytes: contents.key, format: .pem)
        } catch {
            throw InvalidSetting("\(keyName) does not hold a whole private key in PEM without a passphrase")
        }
        if let publicKey = Self.publicKey(contents.key), publicKey != leaf.publicKey {
            throw InvalidSetting(
                "\(keyName) is not the key of the first certificate in \(files.certificate.path(percentEncoded: false))"
            )
        }
        let authorities = try contents.clientAuthorities.map {
            let name = "tls.client_ca: \(files.clientAuthorities?.path(percentEncoded: false) ?? "")"
            let authorities = try Self.certificates($0, name)
            // An empty list would be taken for the system's authorities, whose customers are everybody.
            guard !authorities.isEmpty else { throw InvalidSetting("\(name) holds no certificate") }
            return authorities
        }
        do {
            context = try NIOSSLContext(
                configuration: Self.configuration(chain, key, authorities, files.minimumVersion))
        } catch {
            throw InvalidSetting("\(certificateName) and \(keyName) do not go together: \(error)")
        }
        self.authorities = Array(SHA256.hash(data: contents.clientAuthorities ?? []))
        validity = leaf.notValidBefore...leaf.notValidAfter
        name = "\(leaf.subject), serial \(leaf.serialNumber)"
    }

    private static func configuration(
        _ chain: [NIOSSLCertificate], _ key: NIOSSLPrivateKey, _ authorities: [NIOSSLCertificate]?,
        _ minimumVersion: TLSVersion
    ) -> TLSConfiguration {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = minimumVersion
        // For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has nothing else.
        tls.cipherSuiteValues = [
            .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        ]
        tls.applicationProtocols = ["http/1.1"]
        tls.renegotiationSupport = .none
        if let authorities {
            tls.trustRoots = .certificates(authorities)
            tls.certificateVerification = .optionalVerification
            tls.sendCANameList = true
        }
        return tls
    }

    private static func certificates(_ pem: [UInt8], _ name: String) throws -> [NIOSSLCertificate] {
        let begun = String(decoding: pem, as: UTF8.self).ranges(of: "-----BEGIN CERTIFICATE-----").count
        guard begun > 0 else { throw InvalidSetting("\(name) holds no certificate in PEM") }
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), certificates.count == begun else {
            throw InvalidSetting("\(name) has a certificate that is cut short or is none")
        }
        return certificates
    }

    /// `nil` for kinds of keys that only the TLS library knows; it then compares them itself.
    private static func publicKey(_ pem: [UInt8]) -> Certificate.PublicKey? {
        let documents = try? PEMDocument.parseMultiple(pemString: String(decoding: pem, as: UTF8.self))
        guard let document = documents?.first(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }) else { return nil }
        return try? Certificate.PrivateKey(pemDocument: document).publicKey
    }
}
