import Bytes
import Foundation
import X509

/// An authority that issues certificates to servers on loopback and to clients.
struct Authority {
    let key: PrivateKey
    let certificate: X509Certificate

    init(_ name: String = "Test authority") throws {
        key = try .makeP256()
        var template = CertificateTemplate(name, from: .now - 86_400, until: .now + 86_400 * 365)
        template.isAuthority = true
        certificate = try template.selfSigned(by: key)
    }

    func issue(
        _ subject: String, for usages: [ExtendedKeyUsage] = [.servers],
        names: [AlternativeName] = [.dns("localhost"), .address([127, 0, 0, 1])], from start: Date = .now - 86_400 * 2,
        days: Double = 90, key: PrivateKey? = nil
    ) throws -> TLSIdentity {
        let key = try key ?? .makeP256()
        var template = CertificateTemplate(subject, from: start, until: .now + 86_400 * days)
        (template.names, template.usages) = (names, usages)
        return try TLSIdentity([try template.issued(for: key, by: certificate, self.key)], key)
    }
}
