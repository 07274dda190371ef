public import Bytes
import Files
public import FoundationEssentials

/// A self-signed certificate with a new P-256 key: for trials, and for guests that pin it.
public struct SelfSignedCertificate: Sendable {
    public let certificate: X509Certificate
    private let key: PrivateKey

    /// Makes a certificate that is valid from an hour ago, for slow clocks.
    ///
    /// - Parameters:
    ///   - names: DNS names and IP addresses; at least one.
    ///   - days: 1 to 3650.
    /// - Throws: ``CertificateError`` for other names.
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

    /// Writes `tls.crt`, and `tls.key`, which only its owner can read.
    ///
    /// - Throws: ``CertificateError`` when one exists and is not to be replaced; ``FileError``.
    public func write(to folder: String, overwriting: Bool) throws -> (certificate: String, key: String) {
        let files = (certificate: "\(folder)/tls.crt", key: "\(folder)/tls.key")
        for path in [files.certificate, files.key] where !overwriting && File.exists(path) {
            throw CertificateError("\(path) exists: --force replaces it, and guests that pin it need the new pin")
        }
        try Folder.make(folder)
        let secret = try keyPEM()
        try File.replace(files.key) { file throws(FileError) in
            try secret.withBytes { bytes throws(FileError) in try file.write(bytes) }
        }
        try File.replace(files.certificate, with: Array(certificate.pem.utf8), mode: 0o644)
        return files
    }
}
