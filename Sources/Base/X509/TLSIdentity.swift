public import Bytes

/// A certificate with what leads from it to a root, and its key.
public struct TLSIdentity: Sendable {
    /// That of the identity itself.
    public let certificate: X509Certificate
    /// Those behind it in the file, each of which should have signed the one before.
    public let intermediates: [X509Certificate]
    public let key: PrivateKey

    /// All certificates, the identity's own first.
    public var chain: [X509Certificate] { [certificate] + intermediates }

    /// - Throws: ``CertificateError`` when there is no certificate, it ends before it begins, or the key is not its own.
    ///   Its parts are called by the names that were given.
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

    /// Reads two PEM files' contents.
    ///
    /// - Throws: ``CertificateError`` that says which is wrong, and how.
    public init(
        certificates: [UInt8], named chainName: String, key: Secret, named keyName: String
    ) throws(CertificateError) {
        let chain = try X509Certificate.read(pem: certificates, named: chainName)
        try self.init(chain, named: chainName, try PrivateKey(pem: key, named: keyName), named: keyName)
    }
}
