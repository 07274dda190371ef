import FoundationEssentials
import NIOSSL
import SwiftASN1
import X509

/// The certificate: readable, with its key, in the right order, valid now, for the right name.
struct TLSExamination: Examination {
    let settings: Settings
    let now: Date

    func findings() -> [Finding] {
        guard let files = try? settings.tls.files() else { return [] }
        let chain: [Certificate]
        let expiry: Date
        do {
            let contents = try files.read()
            expiry = try TLSIdentity(contents, of: files).validity.upperBound
            chain = try NIOSSLCertificate.fromPEMBytes(contents.certificate).map {
                try Certificate(derEncoded: $0.toDERBytes())
            }
        } catch {
            return [.problem("tls.files", "\(error)", do: "put a PEM certificate and its own key there (docs/tls.md)")]
        }
        guard let leaf = chain.first else { return [] }
        let found: [Finding] = [
            .ok("tls.files", "\(leaf.subject); its key matches"), validity(leaf, until: expiry), order(chain),
            names(leaf),
        ]
        guard files.isKeyOpenToAll else { return found }
        return found + [
            .warning(
                "tls.key_mode", "everyone on this machine can read \(files.key.path(percentEncoded: false))",
                do: "chmod 600 it; if others use this machine, have a new one issued")
        ]
    }

    private func validity(_ leaf: Certificate, until expiry: Date) -> Finding {
        let days = Int(expiry.timeIntervalSince(now) / 86_400)
        let advice = "have it renewed, and put it in the same place: the server takes it up by itself (docs/tls.md)"
        guard expiry > now else {
            return .problem("tls.expiry", "it expired on \(expiry.formatted(.iso8601))", do: advice)
        }
        guard leaf.notValidBefore <= now else {
            return .problem(
                "tls.expiry", "it is valid from \(leaf.notValidBefore.formatted(.iso8601)) only",
                do: "set the clock, or wait")
        }
        return days < 30
            ? .warning("tls.expiry", "it expires in \(days) days", do: advice)
            : .ok("tls.expiry", "it is valid for \(days) days")
    }

    /// Clients are sent the file as it is: each certificate must be signed by the one after it.
    private func order(_ chain: [Certificate]) -> Finding {
        for (child, parent) in zip(chain, chain.dropFirst()) {
            guard child.issuer == parent.subject, parent.publicKey.isValidSignature(child.signature, for: child) else {
                return .problem(
                    "tls.chain", "\(child.subject) is followed by \(parent.subject), which did not sign it",
                    do: "put the server's certificate first, then each one that signed the one before")
            }
        }
        if let leaf = chain.first, chain.count == 1, leaf.issuer == leaf.subject {
            return .ok("tls.chain", "it vouches for itself: clients must pin it or be given it")
        }
        return chain.count == 1
            ? .warning(
                "tls.chain", "the file holds the server's certificate alone",
                do: "unless a root signed it (\(chain[0].issuer)), add what leads to one: certbot's is fullchain.pem")
            : .ok("tls.chain", "\(chain.count) certificates in the right order")
    }

    private func names(_ leaf: Certificate) -> Finding {
        let names = (try? leaf.extensions.subjectAlternativeNames).map { Array($0) } ?? []
        let texts = names.compactMap(Self.text)
        guard !texts.isEmpty else {
            return .problem(
                "tls.names", "it has no name that clients look at (subject alternative name)",
                do: "have one issued with the names by which clients reach the server")
        }
        let host = settings.listen.host
        let isOne = !["0.0.0.0", "::", "127.0.0.1", "::1", "localhost"].contains(host)
        guard !isOne || texts.contains(host) || texts.contains(where: { Self.covers($0, host) }) else {
            return .warning(
                "tls.names", "it is for \(texts.joined(separator: ", ")), and the server listens on \(host)",
                do: "reach the server by one of these names, or have \(host) added")
        }
        return .ok("tls.names", texts.joined(separator: ", "))
    }

    private static func text(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let name): return name
        case .ipAddress(let address):
            let bytes = Array(address.bytes)
            if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
            guard bytes.count == 16 else { return nil }
            var buffer = [CChar](repeating: 0, count: 46)
            guard inet_ntop(AF_INET6, bytes, &buffer, 46) != nil else { return nil }
            return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        default: return nil
        }
    }

    /// `*.example.org` covers one label.
    private static func covers(_ pattern: String, _ host: String) -> Bool {
        guard pattern.hasPrefix("*."), let dot = host.firstIndex(of: ".") else { return false }
        return host[dot...].lowercased() == pattern.dropFirst().lowercased()
    }
}
