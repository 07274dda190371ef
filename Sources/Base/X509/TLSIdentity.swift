public import Bytes

/// A certificate with its chain and its key.
public struct TLSIdentity: Sendable {
    public let certificate: X509Certificate
    /// The rest of the chain. Each certificate should have signed the one before.
    public let intermediates: [X509Certificate]
    public let key: PrivateKey

    /// The identity's own certificate and the intermediates.
    public var chain: [X509Certificate] { [certificate] + intermediates }

    /// - Parameters:
    ///   - chainName: the chain's name in errors.
    ///   - keyName: the key's name in errors.
    /// - Throws: ``CertificateError`` for an empty chain, a certificate that ends before it begins, or another key.
    public init(
        _ chain: [X509Certificate], named chainName: String = "the certificate", _ key: PrivateKey,
        named keyName: String = "the key"
    ) throws(CertificateError) {
        guard let first = chain.first else { throw CertificateError("\(chainName) holds no certificate") }
        guard first.notBefore <= first.notAfter else {
            throw CertificateError("\(chainName): the certificate ends before it begins")
        }
        guard key.belongs(to: first) else {
            throw CertificateError("\(keyName) is not the key of the first certificate in \(chainName)")
        }
        (certificate, intermediates, self.key) = (first, Array(chain.dropFirst()), key)
    }

    /// Reads the contents of two PEM files.
    ///
    /// - Throws: ``CertificateError``, with the faulty file's name.
    public init(
        certificates: [UInt8], named chainName: String, key: Secret, named keyName: String
    ) throws(CertificateError) {
        let chain = try X509Certificate.read(pem: certificates, named: chainName)
        try self.init(chain, named: chainName, try PrivateKey(pem: key, named: keyName), named: keyName)
    }
}
