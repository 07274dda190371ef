import Crypto
import Files
package import FoundationEssentials
package import TLS
package import X509

/// A TLS identity and context, made from the contents of the files at one time.
package struct ServedTLS: Sendable {
    package let context: TLSContext
    package let identity: TLSIdentity

    /// The certificate's validity.
    package var validity: ClosedRange<Date> { identity.certificate.notBefore...identity.certificate.notAfter }

    /// For an operator: the certificate's subject and serial number.
    package var name: String { identity.certificate.description }

    /// - Throws: ``InvalidSetting`` that names the unusable file and its fault.
    package init(_ contents: TLSFiles.Contents, of files: TLSFiles) throws {
        do {
            let (chain, key) = (files.certificate.filePath, "tls.key: \(files.key.filePath)")
            identity = try TLSIdentity(
                try X509Certificate.read(pem: contents.certificate, named: "tls.certificate: \(chain)"), named: chain,
                try PrivateKey(pem: contents.key, named: key), named: key)
            let authorities = try contents.clientAuthorities.map {
                try X509Certificate.read(pem: $0, named: "tls.client_ca: \(files.clientAuthorities?.filePath ?? "")")
            }
            var configuration = TLSServerConfiguration(identity, clientAuthorities: authorities)
            configuration.minimumVersion = files.minimumVersion
            context = try TLSContext(configuration)
        } catch let error as CertificateError {
            throw InvalidSetting(error.description)
        }
    }
}
