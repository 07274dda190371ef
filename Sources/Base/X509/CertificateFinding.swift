public import FoundationEssentials

/// A finding about a server's certificate, for the doctor, the server's start and each renewal.
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
    public let found: String
    /// The remedy; empty for ``Level/fine``.
    public let advice: String

    fileprivate init(_ subject: Subject, _ level: Level, _ found: String, do advice: String = "") {
        (self.subject, self.level, self.found, self.advice) = (subject, level, found, advice)
    }
}

extension TLSIdentity {
    /// All findings.
    ///
    /// - Parameter host: the server's name or address, if it has only one.
    public func findings(at now: Date, reachedAs host: String? = nil) -> [CertificateFinding] {
        [expiryFinding(at: now), useFinding, chainFinding, namesFinding(reachedAs: host)]
    }

    /// The findings for which every client refuses it.
    public func refusals(at now: Date) -> [CertificateFinding] { findings(at: now).filter { $0.level == .problem } }

    private func expiryFinding(at now: Date) -> CertificateFinding {
        let days = Int(certificate.notAfter.timeIntervalSince(now) / 86_400)
        let advice = "have it renewed, and put it in the same place: the server takes it up by itself (docs/tls.md)"
        guard certificate.notAfter > now else {
            return CertificateFinding(
                .expiry, .problem, "it expired on \(certificate.notAfter.formatted(.iso8601))", do: advice)
        }
        guard certificate.notBefore <= now else {
            return CertificateFinding(
                .expiry, .problem, "it is valid from \(certificate.notBefore.formatted(.iso8601)) only",
                do: "set the clock, or wait")
        }
        return days < 30
            ? CertificateFinding(.expiry, .warning, "it expires in \(days) days", do: advice)
            : CertificateFinding(.expiry, .fine, "it is valid for \(days) days")
    }

    private var useFinding: CertificateFinding {
        let uses = certificate.extendedKeyUsages?.joined(separator: ", ")
        guard certificate.isFor(.servers) else {
            return CertificateFinding(
                .use, .problem,
                uses.map { "it is for \($0), not for servers" } ?? "its key usage does not allow it to be a server's",
                do: "have one issued for TLS servers (extended key usage serverAuth)")
        }
        return CertificateFinding(.use, .fine, uses.map { "it is for \($0)" } ?? "it is for every use")
    }

    /// Each certificate must be signed by the next, as the file is sent to clients unchanged.
    private var chainFinding: CertificateFinding {
        for (child, parent) in zip(chain, intermediates) where !child.isSigned(by: parent) {
            return CertificateFinding(
                .chain, .problem, "\(child.subject) is followed by \(parent.subject), which did not sign it",
                do: "put the server's certificate first, then each one that signed the one before")
        }
        if intermediates.isEmpty, certificate.isSelfIssued {
            return CertificateFinding(.chain, .fine, "it is self-signed: clients must pin it, or trust it")
        }
        return intermediates.isEmpty
            ? CertificateFinding(
                .chain, .warning, "the file holds the server's certificate alone",
                do: "unless a root signed it (\(certificate.issuer)), add what leads to one: certbot's is fullchain.pem"
            )
            : CertificateFinding(.chain, .fine, "\(chain.count) certificates in the right order")
    }

    private func namesFinding(reachedAs host: String?) -> CertificateFinding {
        let names = certificate.alternativeNames.compactMap(\.hostText)
        guard !names.isEmpty else {
            return CertificateFinding(
                .names, .problem, "it has no name that clients look at (subject alternative name)",
                do: "have one issued with the names by which clients reach the server")
        }
        let list = names.joined(separator: ", ")
        guard let host, !names.contains(where: { $0 == host || Self.covers($0, host) }) else {
            return CertificateFinding(.names, .fine, list)
        }
        return CertificateFinding(
            .names, .warning, "it is for \(list), and the server listens on \(host)",
            do: "reach the server by one of these names, or have \(host) added")
    }

    /// `*.example.org` covers one label.
    private static func covers(_ pattern: String, _ host: String) -> Bool {
        guard pattern.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
        return host[dot...].lowercased() == pattern.dropFirst().lowercased()
    }
}
