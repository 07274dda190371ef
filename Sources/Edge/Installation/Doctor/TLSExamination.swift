import Files
import FoundationEssentials
import X509

/// The TLS certificate: its files, key, chain, validity, usage and name.
struct TLSExamination: Examination {
    let settings: Settings
    let now: Date

    func findings() -> [Finding] {
        guard let files = try? settings.tls.files() else { return [] }
        let identity: TLSIdentity
        do { identity = try ServedTLS(try files.read(), of: files).identity } catch {
            return [.problem("tls.files", "\(error)", do: "put a PEM certificate and its own key there (docs/tls.md)")]
        }
        let host = settings.listen.host
        let isOne = settings.listensOnTCP && !["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"].contains(host)
        var findings: [Finding] = [.ok("tls.files", "\(identity.certificate.subject); its key matches")]
        findings += identity.findings(at: now, reachedAs: isOne ? host : nil).map(Finding.init)
        guard files.isKeyOpenToAll else { return findings }
        return findings + [
            .warning(
                "tls.key_mode", "everyone on this machine can read \(files.key.filePath)",
                do: "chmod 600 it; if others use this machine, have a new one issued")
        ]
    }
}

extension Finding {
    fileprivate init(_ finding: CertificateFinding) {
        let level: Level =
            switch finding.level {
            case .fine: .ok
            case .warning: .warning
            case .problem: .problem
            }
        self.init(
            check: "tls.\(finding.subject.rawValue)", level: level, found: finding.found, advice: finding.advice)
    }
}
