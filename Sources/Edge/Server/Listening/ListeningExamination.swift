import Files
import FoundationEssentials
import Glibc
import HTTPServer
package import Installation

/// Examines the listening addresses: each belongs to this machine, is free or in use by a kbs, and is not open to other
/// machines without TLS.
package struct ListeningExamination: Examination {
    private let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package func findings() async -> [Finding] {
        var findings: [Finding] = []
        do {
            try ListeningRule.check(settings)
            if settings.tls.certificate == nil, settings.listensOnTCP, !settings.listen.isLoopback {
                findings.append(
                    .warning(
                        "listen.tls", "other machines are served without TLS (insecure_http)",
                        do: "set tls.certificate and tls.key, unless a proxy before this server does TLS"))
            }
        } catch {
            let sentence = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
            findings.append(
                .problem(
                    "listen.tls", sentence, do: "set tls.certificate and tls.key (docs/tls.md), or listen on 127.0.0.1")
            )
        }
        if settings.listensOnTCP { findings.append(await port(settings.listen, "listen")) }
        if let address = settings.guestsListen { findings.append(await port(address, "guests.listen", isPlain: true)) }
        if let path = settings.socket.path { findings.append(socket(path)) }
        return findings
    }

    /// - Parameter setting: the name of the address's setting.
    private func port(_ address: Settings.Address, _ setting: String, isPlain: Bool = false) async -> Finding {
        let check = "\(setting).port"
        do {
            _ = try ListeningSocket(address.listening)
            return .ok(check, "\(address) is free")
        } catch  where error.code == EADDRINUSE {
            if await OwnServer(settings, at: address, isPlain: isPlain).isKBS {
                return .ok(check, "\(address) is served by a kbs")
            }
            return .problem(
                check, "\(address) is taken by another program",
                do: "ss -ltnp shows which; stop it, or choose another port with \(setting)")
        } catch  where error.code == EACCES {
            return .problem(
                check, "this user may not listen on \(address)",
                do: "choose a port above 1023, or add CAP_NET_BIND_SERVICE to the unit (docs/install.md)")
        } catch {
            let sentence = error.description
            return .problem(
                check, sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence,
                do: "name an address of this machine, or 0.0.0.0 or [::] for all")
        }
    }

    /// Does not create the socket: a client that connects to it just now would get no answer.
    private func socket(_ path: String) -> Finding {
        let name = "unix:\(path)"
        do { _ = try settings.listeningAddresses() } catch {
            return .problem("listen.socket", "\(error)", do: "name a group that this machine has")
        }
        guard let folder = Folder.parent(of: path), Folder.exists(folder) else {
            return .problem(
                "listen.socket", "the folder of \(name) does not exist",
                do: "create it, or let systemd create it with RuntimeDirectory= (docs/install.md)")
        }
        switch FileStatus.of(path, followingLinks: false)?.kind {
        case nil:
            guard access(folder, W_OK) == 0 else {
                return .problem(
                    "listen.socket", "\(folder) may not be written to by this user",
                    do: "run kbs doctor as the server's user, or give \(folder) to it")
            }
            return .ok("listen.socket", "\(name) is free")
        case .socket: return .ok("listen.socket", "\(name) exists: a server's, or left behind by one")
        default:
            return .problem(
                "listen.socket", "\(path) exists and is not a socket", do: "name another path, or move it away")
        }
    }
}
