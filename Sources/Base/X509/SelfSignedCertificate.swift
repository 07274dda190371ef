public import Bytes
import Files
public import FoundationEssentials

/// A certificate that vouches for itself, with a new P-256 key: for trials, and for guests that pin it.
public struct SelfSignedCertificate: Sendable {
    public let certificate: X509Certificate
    private let key: PrivateKey

    public var certificatePEM: String { certificate.pem }
    /// SHA-256 of the certificate's DER.
    public var certificatePin: [UInt8] { certificate.fingerprint }
    /// SHA-256 of the SubjectPublicKeyInfo's DER (RFC 7469): outlives a renewal with the same key.
    public var keyPin: [UInt8] { certificate.keyPin }

    /// Makes one that is valid from now on, less an hour for clocks that are slow.
    ///
    /// - Parameters:
    ///   - names: DNS names and IP addresses; at least one.
    ///   - days: 1 to 3650.
    /// - Throws: ``CertificateError`` for a name that is neither.
    public init(names: [String], days: Int, now: Date = Date()) throws(CertificateError) {
        guard let first = names.first else {
            throw CertificateError("a certificate needs a name: --name kbs.example.org")
        }
        guard (1...3_650).contains(days) else { throw CertificateError("days should be 1 to 3650") }
        var template = CertificateTemplate(
            first, from: now.addingTimeInterval(-3_600), until: now.addingTimeInterval(Double(days) * 86_400))
        for name in names { template.names.append(try AlternativeName(host: name)) }
        template.usages = [.servers]
        key = try PrivateKey.makeP256()
        certificate = try template.selfSigned(by: key)
    }

    public func keyPEM() throws(CertificateError) -> Secret { try key.pem() }

    /// Writes `tls.crt` and `tls.key`, which only its owner can read.
    ///
    /// - Throws: ``CertificateError`` when one is there and is not to be replaced; ``FileError``.
    public func write(to folder: String, overwriting: Bool) throws -> (certificate: String, key: String) {
        let files = (certificate: "\(folder)/tls.crt", key: "\(folder)/tls.key")
        for path in [files.certificate, files.key] where !overwriting && File.exists(path) {
            throw CertificateError("\(path) is there: --force replaces it, and guests that pin it must be told")
        }
        try Folder.make(folder)
        let secret = try keyPEM()
        try File.replace(files.key) { file throws(FileError) in
            try secret.withBytes { bytes throws(FileError) in try file.write(bytes) }
        }
        try File.replace(files.certificate, with: Array(certificatePEM.utf8), mode: 0o644)
        return files
    }
}
