public import FoundationEssentials

/// What is to be said of a server's certificate: to the doctor, at the start, and at each renewal.
public struct CertificateFinding: Hashable, Sendable {
    public enum Subject: String, Sendable { case expiry, use, chain, names }

    public enum Level: Sendable {
        case fine
        case warning
        /// Clients refuse it.
        case problem
    }

    public let subject: Subject
    public let level: Level
    /// What was found.
    public let found: String
    /// What to do about it; empty when nothing is.
    public let advice: String
}

extension TLSIdentity {
    /// Everything that can be said without a client.
    ///
    /// - Parameter host: the one name or address by which the server is reached, where it has one.
    public func findings(at now: Date, reachedAs host: String? = nil) -> [CertificateFinding] {
        [expiryFinding(at: now), useFinding, chainFinding, namesFinding(reachedAs: host)]
    }

    /// Why every client refuses it; empty when none of these reasons holds.
    public func refusals(at now: Date) -> [CertificateFinding] { findings(at: now).filter { $0.level == .problem } }

    private func expiryFinding(at now: Date) -> CertificateFinding {
        let days = Int(certificate.notAfter.timeIntervalSince(now) / 86_400)
        let advice = "have it renewed, and put it in the same place: the server takes it up by itself (docs/tls.md)"
        guard certificate.notAfter > now else {
            return CertificateFinding(
                subject: .expiry, level: .problem, found: "it expired on \(certificate.notAfter.formatted(.iso8601))",
                advice: advice)
        }
        guard certificate.notBefore <= now else {
            return CertificateFinding(
                subject: .expiry, level: .problem,
                found: "it is valid from \(certificate.notBefore.formatted(.iso8601)) only",
                advice: "set the clock, or wait")
        }
        return days < 30
            ? CertificateFinding(
                subject: .expiry, level: .warning, found: "it expires in \(days) days", advice: advice)
            : CertificateFinding(
                subject: .expiry, level: .fine, found: "it is valid for \(days) days", advice: "")
    }

    private var useFinding: CertificateFinding {
        let uses = certificate.extendedKeyUsages?.joined(separator: ", ")
        guard certificate.isFor(.servers) else {
            return CertificateFinding(
                subject: .use, level: .problem,
                found: uses.map { "it is for \($0), not for servers" }
                    ?? "its key usage does not allow it to be a server's",
                advice: "have one issued for TLS servers (extended key usage serverAuth)")
        }
        return CertificateFinding(
            subject: .use, level: .fine, found: uses.map { "it is for \($0)" } ?? "it is for every use", advice: "")
    }

    /// Clients are sent the file as it is: each certificate must be signed by the one after it.
    private var chainFinding: CertificateFinding {
        func finding(_ level: CertificateFinding.Level, _ found: String, do advice: String = "") -> CertificateFinding {
            CertificateFinding(subject: .chain, level: level, found: found, advice: advice)
        }
        for (child, parent) in zip(chain, intermediates) where !child.isSigned(by: parent) {
            return finding(
                .problem, "\(child.subject) is followed by \(parent.subject), which did not sign it",
                do: "put the server's certificate first, then each one that signed the one before")
        }
        if intermediates.isEmpty, certificate.isSelfIssued {
            return finding(.fine, "it vouches for itself: clients must pin it or be given it")
        }
        return intermediates.isEmpty
            ? finding(
                .warning, "the file holds the server's certificate alone",
                do: "unless a root signed it (\(certificate.issuer)), add what leads to one: certbot's is fullchain.pem"
            )
            : finding(.fine, "\(chain.count) certificates in the right order")
    }

    private func namesFinding(reachedAs host: String?) -> CertificateFinding {
        let names = certificate.alternativeNames.compactMap(\.hostText)
        guard !names.isEmpty else {
            return CertificateFinding(
                subject: .names, level: .problem,
                found: "it has no name that clients look at (subject alternative name)",
                advice: "have one issued with the names by which clients reach the server")
        }
        let list = names.joined(separator: ", ")
        guard let host, !names.contains(where: { $0 == host || Self.covers($0, host) }) else {
            return CertificateFinding(subject: .names, level: .fine, found: list, advice: "")
        }
        return CertificateFinding(
            subject: .names, level: .warning, found: "it is for \(list), and the server listens on \(host)",
            advice: "reach the server by one of these names, or have \(host) added")
    }

    /// `*.example.org` covers one label.
    private static func covers(_ pattern: String, _ host: String) -> Bool {
        guard pattern.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
        return host[dot...].lowercased() == pattern.dropFirst().lowercased()
    }
}
