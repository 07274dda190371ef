import FoundationEssentials
import NIOCore
import NIOPosix

/// The address to listen on: this machine's, free or a kbs's already, and not in the clear for others.
struct ListeningExamination: Examination {
    let settings: Settings

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        do {
            try ListeningRule.check(settings)
            if settings.tls.certificate == nil, !settings.listen.isLoopback {
                findings.append(
                    .warning(
                        "listen.tls", "other machines are served without TLS (insecure_http)",
                        do: "set tls.certificate and tls.key, unless a proxy in front of this server does it"))
            }
        } catch {
            let sentence = "\(error)".split(separator: "\n").first.map(String.init) ?? ""
            findings.append(
                .problem(
                    "listen.tls", sentence, do: "set tls.certificate and tls.key (docs/tls.md), or listen on 127.0.0.1")
            )
        }
        return findings + [await port()]
    }

    private func port() async -> Finding {
        let address = settings.listen
        do {
            let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: address.host, port: address.port).get()
            try await channel.close()
            return .ok("listen.port", "\(address) is free")
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            if await OwnServer(settings).isKBS { return .ok("listen.port", "\(address) is served by a kbs") }
            return .problem(
                "listen.port", "\(address) is taken by another program",
                do: "ss -ltnp shows which; stop it, or choose another port with listen")
        } catch let error as IOError where error.errnoCode == EACCES {
            return .problem(
                "listen.port", "this user may not listen on \(address)",
                do: "choose a port above 1023, or add CAP_NET_BIND_SERVICE to the unit (docs/install.md)")
        } catch {
            return .problem(
                "listen.port", "\(address) cannot be listened on: \(error)",
                do: "name an address of this machine, or 0.0.0.0 or [::] for all")
        }
    }
}
