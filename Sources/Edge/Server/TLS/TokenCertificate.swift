import CoCoDialect
import Crypto
import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// `token.certificate` and `token.key`: what an operator's authority says of the key that tokens are signed with.
struct TokenCertificate: Sendable, Hashable {
    let certificate: URL
    let key: URL

    /// - Throws: ``InvalidSetting`` that says which file is wrong, and how.
    func identity() throws -> TokenIdentity {
        let certificateName = "token.certificate: \(certificate.path(percentEncoded: false))"
        let keyName = "token.key: \(key.path(percentEncoded: false))"
        guard let pem = try? String(contentsOf: key, encoding: .utf8),
            let privateKey = try? P256.Signing.PrivateKey(pemRepresentation: pem)
        else { throw InvalidSetting("\(keyName) does not hold a private key on P-256 in PEM without a passphrase") }
        let chain: [Data]
        let leaf: Certificate
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(Array(Data(contentsOf: certificate)))
                .map { Data(try $0.toDERBytes()) }
            guard let first = chain.first else { throw InvalidSetting("it holds none") }
            leaf = try Certificate(derEncoded: Array(first))
        } catch {
            throw InvalidSetting("\(certificateName) is no chain of certificates in PEM: \(error)")
        }
        guard leaf.publicKey == Certificate.PublicKey(privateKey.publicKey) else {
            throw InvalidSetting("\(keyName) is not the key of the first certificate in \(certificateName)")
        }
        return TokenIdentity(privateKey, chain: chain)
    }
}
