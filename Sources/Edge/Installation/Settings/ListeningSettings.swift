import FoundationEssentials
import HTTPClient
import Logging

/// Addresses, proxies, the data folder and connections' timeouts.
extension SettingKey {
    static let listening = [
        listen, guestsListen, guestsURL, socketMode, socketGroup, trustedProxies, proxyProtocol, outgoingProxy,
        outgoingExceptions, data, logLevel, idleTimeout, stopTimeout,
    ]

    package static let listen = SettingKey(
        "listen", "Address and port, a Unix socket such as unix:/run/kbs/kbs.sock, or both with a comma between",
        default: "127.0.0.1:8080"
    ) { value, settings in
        let (address, socket) = try value.listeners()
        settings.listensOnTCP = address != nil
        if let address { settings.listen = address }
        settings.socket.path = socket
    }

    package static let guestsListen = SettingKey(
        "guests.listen",
        "Address and port for guests' calls only, in plain HTTP even if listen has TLS (default: none)"
    ) { $1.guestsListen = $0.text.isEmpty ? nil : try $0.address() }

    package static let guestsURL = SettingKey(
        "guests.url",
        "The URL that guests use, e.g. http://kbs.example.org:8000: to warn of ids that make it too long for libkrun's "
            + "client"
    ) { $1.guestsURL = $0.text.isEmpty ? nil : try $0.url(example: "http://kbs.example.org:8000") }

    package static let socketMode = SettingKey(
        "socket.mode", "Who may connect to the Unix socket, as three digits in octal", default: "660"
    ) {
        guard (3...4).contains($0.text.utf8.count), let mode = UInt32($0.text, radix: 8), mode <= 0o777 else {
            throw $0.invalid("three digits in octal, in quotes, such as 660 or 600")
        }
        $1.socket.mode = mode
    }

    package static let socketGroup = SettingKey(
        "socket.group", "The group of the Unix socket (default: the server's own)"
    ) { $1.socket.group = $0.text.isEmpty ? nil : $0.text }

    package static let trustedProxies = SettingKey(
        "proxies.trusted", "Networks of proxies whose X-Forwarded-For names the caller"
    ) { $1.trustedProxies = try $0.networks() }

    package static let proxyProtocol = SettingKey(
        "proxies.protocol",
        "Networks of balancers in TCP mode, whose connections begin with the PROXY protocol, version 2"
    ) { $1.proxyProtocol = try $0.networks() }

    package static let outgoingProxy = SettingKey(
        "proxies.outgoing",
        "Proxy for requests to AMD, key sets, agents and collectors, e.g. http://proxy.example.org:3128 "
            + "(default: https_proxy and http_proxy of the environment)"
    ) {
        let text = $0.text.isEmpty ? nil : $0.text
        if let text {
            do throws(HTTPClientError) { _ = try ProxySettings(proxy: text, exceptions: "", named: $0.name) } catch {
                throw InvalidSetting(error.description)
            }
        }
        $1.outgoing.proxy = text
    }

    package static let outgoingExceptions = SettingKey(
        "proxies.outgoing_except",
        "Names, addresses and networks to reach without it, with commas (default: no_proxy of the environment)"
    ) { $1.outgoing.exceptions = $0.text }

    package static let data = SettingKey(
        "data", "Folder for the database and the master key", default: "kbs-data"
    ) { $1.dataFolder = URL(filePath: try $0.nonEmpty()) }

    package static let logLevel = SettingKey(
        "log.level", "trace, debug, info, notice, warning, error or critical", default: "info"
    ) {
        guard let level = Logger.Level(rawValue: $0.text.lowercased()) else {
            throw $0.invalid("trace, debug, info, notice, warning, error or critical")
        }
        $1.logLevel = level
    }

    package static let idleTimeout = duration(
        "http.idle_timeout", "Time after which a silent connection is closed", default: "120s", \.idleTimeout)

    package static let stopTimeout = duration(
        "http.stop_timeout", "How long requests in flight may take after SIGTERM", default: "30s", \.stopTimeout)
}
