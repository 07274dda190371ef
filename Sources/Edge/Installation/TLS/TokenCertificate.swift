import Bytes
package import Crypto
import Files
package import FoundationEssentials
import X509

/// The signing key of attestation tokens and its certificate chain (`token.certificate` and `token.key`).
package struct TokenCertificate: Sendable {
    package let key: P256.Signing.PrivateKey
    /// DER, the key's own certificate first.
    package let chain: [[UInt8]]

    /// - Throws: ``InvalidSetting`` that names the unusable file and its fault.
    package init(_ certificate: URL, key file: URL) throws {
        let certificateName = "token.certificate: \(certificate.filePath)"
        let keyName = "token.key: \(file.filePath)"
        guard var bytes = try? File.read(file.filePath, atMost: 65_536),
            let privateKey = try? P256.Signing.PrivateKey(pemRepresentation: String(decoding: bytes, as: UTF8.self))
        else { throw InvalidSetting("\(keyName) does not hold a private key on P-256 in PEM without a passphrase") }
        let secret = Secret(wiping: &bytes)
        let chain: [X509Certificate]
        do {
            chain = try X509Certificate.read(
                pem: File.read(certificate.filePath, atMost: 1 << 20), named: certificateName)
        } catch {
            throw InvalidSetting("\(certificateName) is no chain of certificates in PEM: \(error)")
        }
        do {
            _ = try TLSIdentity(
                chain, named: certificateName, try PrivateKey(pem: secret, named: keyName), named: keyName)
        } catch {
            throw InvalidSetting(error.description)
        }
        key = privateKey
        self.chain = chain.map(\.der)
    }
}
