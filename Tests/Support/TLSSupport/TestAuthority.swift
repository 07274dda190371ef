import Bytes
public import Foundation
public import X509

/// An authority that issues certificates to servers on loopback and to clients.
public struct TestAuthority: Sendable {
    public let key: PrivateKey
    public let certificate: X509Certificate

    public init(_ name: String = "Test authority") throws {
        key = try .makeP256()
        var template = CertificateTemplate(name, from: .now - 86_400, until: .now + 86_400 * 365)
        template.isAuthority = true
        certificate = try template.selfSigned(by: key)
    }

    /// - Parameter key: nil for a new one on P-256.
    public func issue(
        _ subject: String = "server", for usages: [ExtendedKeyUsage] = [.servers],
        names: [AlternativeName] = [.dns("localhost"), .address([127, 0, 0, 1])],
        from start: Date = .now - 86_400 * 2, until end: Date = .now + 86_400 * 90, key: PrivateKey? = nil
    ) throws -> TLSIdentity {
        let key = try key ?? .makeP256()
        var template = CertificateTemplate(subject, from: start, until: end)
        (template.names, template.usages) = (names, usages)
        return try TLSIdentity([try template.issued(for: key, by: certificate, self.key)], key)
    }
}

extension TLSIdentity {
    /// Writes its certificates and its key, as a server's settings name them.
    public func write(
        to folder: URL, _ name: String = "tls"
    ) throws -> (certificate: URL, key: URL) {
        let files = (folder.appending(path: "\(name).crt"), folder.appending(path: "\(name).key"))
        try Data(chain.map(\.pem).joined().utf8).write(to: files.0)
        try Data(try key.pem().withBytes { Array($0) }).write(to: files.1)
        return files
    }
}
