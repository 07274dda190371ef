import Foundation
import X509

/// A folder that goes away with the test.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "kbs-x509-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Certificates of one authority, made for a test.
struct Issuer {
    let key: PrivateKey
    let certificate: X509Certificate

    init(_ name: String = "Test authority") throws {
        key = try .makeP256()
        var template = CertificateTemplate(name, from: .now - 86_400, until: .now + 86_400 * 365)
        template.isAuthority = true
        certificate = try template.selfSigned(by: key)
    }

    func issue(
        _ subject: String = "server", names: [AlternativeName] = [.dns("kbs.example.org")],
        usages: [ExtendedKeyUsage] = [.servers], from start: Date = .now - 86_400, until end: Date = .now + 86_400 * 90
    ) throws -> TLSIdentity {
        let key = try PrivateKey.makeP256()
        var template = CertificateTemplate(subject, from: start, until: end)
        (template.names, template.usages) = (names, usages)
        return try TLSIdentity([try template.issued(for: key, by: certificate, self.key)], key)
    }
}
