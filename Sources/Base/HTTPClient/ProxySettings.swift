import Glibc
import HTTP

/// Through which proxy requests go, as the usual variables of the environment say: `https_proxy`, `http_proxy` and
/// `no_proxy`.
///
/// `HTTPS_PROXY` and `NO_PROXY` are read too; `HTTP_PROXY` is not, since a web server's programs get a client's `Proxy`
/// field under that name. libcurl's own reading is switched off. Loopback and sockets never go through a proxy.
public struct ProxySettings: Sendable, Hashable {
    /// A proxy, or why the variable's value is none.
    private let secure, plain: Result<Proxy, HTTPClientError>?
    private let exceptions: [Exception]

    /// No proxy.
    public static let none = ProxySettings(environment: [:])

    /// This process' environment, as it is now.
    public static var ofProcess: ProxySettings {
        let names = ["https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY"]
        return ProxySettings(
            environment: names.reduce(into: [:]) { found, name in found[name] = getenv(name).map { String(cString: $0) }
            }
        )
    }

    public init(environment: [String: String]) {
        func first(_ names: String...) -> (name: String, value: String)? {
            names.lazy.compactMap { name in environment[name].map { (name, $0) } }.first { !$0.value.isEmpty }
        }
        func proxy(_ variable: (name: String, value: String)?) -> Result<Proxy, HTTPClientError>? {
            variable.map { variable in
                Result { () throws(HTTPClientError) in try Proxy(variable.value, from: variable.name) }
            }
        }
        secure = proxy(first("https_proxy", "HTTPS_PROXY"))
        plain = proxy(first("http_proxy"))
        exceptions = Self.exceptions(first("no_proxy", "NO_PROXY")?.value ?? "")
    }

    /// One proxy for every request, as a setting names it.
    ///
    /// - Parameters:
    ///   - proxy: `http://host[:port]` or `https://…`, without credentials: a setting is shown to whoever may read settings.
    ///   - exceptions: as `no_proxy` has them; nil for that variable's.
    ///   - setting: its name, for errors.
    /// - Throws: ``HTTPClientError`` when it is no proxy's address.
    public init(proxy: String, exceptions: String?, named setting: String) throws(HTTPClientError) {
        let proxy = try Proxy(proxy, from: setting)
        guard proxy.user == nil else {
            throw HTTPClientError(
                .proxy,
                "\(setting) holds a user and password: put the proxy into https_proxy in the environment instead.")
        }
        (secure, plain) = (.success(proxy), .success(proxy))
        self.exceptions = exceptions.map { Self.exceptions($0) } ?? Self.ofProcess.exceptions
    }

    private static func exceptions(_ text: String) -> [Exception] {
        text.split { $0 == "," || $0 == " " || $0 == "\t" }.compactMap { Exception($0) }
    }

    /// - Returns: nil when a request goes there directly.
    /// - Throws: ``HTTPClientError`` when a proxy is wanted, and the variable names none.
    func proxy(for destination: Destination) throws(HTTPClientError) -> Proxy? {
        guard let proxy = destination.scheme == .https ? secure : plain, !destination.isLocal,
            !exceptions.contains(where: { $0.covers(destination) })
        else { return nil }
        return try proxy.get()
    }
}

/// A proxy for HTTP.
struct Proxy: Sendable, Hashable {
    /// `http://host:port`, without credentials.
    let url: String
    /// `host:port`.
    let name: String
    let user, password: String?
    /// Where it was named.
    let variable: String

    /// - Parameter text: `http://[user:password@]host[:port]`, or `https://…`; without a scheme it is `http://`.
    init(_ text: String, from variable: String) throws(HTTPClientError) {
        let unusable = HTTPClientError(
            .proxy, "\(variable) holds something else than a proxy's address, such as http://proxy.example.org:3128.")
        var rest = text[...]
        var scheme = Destination.Scheme.http
        if let mark = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[mark...].hasPrefix("://") {
            guard let named = Destination.Scheme(rawValue: text[..<mark].lowercased()) else { throw unusable }
            scheme = named
            rest = text[mark...].dropFirst(3)
        }
        if rest.hasSuffix("/") { rest.removeLast() }
        var credentials: Substring?
        if let at = rest.lastIndex(of: "@") {
            credentials = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        let host: String
        let port: Int
        do {
            (host, port) = try Destination.hostAndPort(String(rest), scheme == .https ? 443 : 80)
        } catch {
            throw unusable
        }
        name = "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        url = "\(scheme.rawValue)://\(name)"
        self.variable = variable
        guard let credentials else {
            (user, password) = (nil, nil)
            return
        }
        let parts = credentials.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let user = Self.decoded(parts[0]), let password = parts.count > 1 ? Self.decoded(parts[1]) : "",
            !user.isEmpty, !user.contains(":")
        else { throw unusable }
        (self.user, self.password) = (user, password)
    }

    /// nil for what would end a C string or is not UTF-8.
    private static func decoded(_ text: Substring) -> String? {
        PercentEncoding.decode(text).flatMap { $0.utf8.contains(0) ? nil : $0 }
    }
}

/// An entry of `no_proxy`: a name with everything under it, an address, a network, or `*`; a name or an address with a
/// port is that port's only.
private struct Exception: Sendable, Hashable {
    private enum Host: Hashable {
        case any
        case name(String)
        case network(IPNetwork)
    }

    private let host: Host
    private let port: Int?

    init?(_ entry: Substring) {
        if entry == "*" {
            (host, port) = (.any, nil)
            return
        }
        if let network = IPNetwork(entry) {
            (host, port) = (.network(network), nil)
            return
        }
        let name = entry.hasPrefix(".") ? entry.dropFirst() : entry
        guard let (found, port) = try? Destination.hostAndPort(String(name), 0) else { return nil }
        self.port = port == 0 ? nil : port
        host = IPNetwork(found).map { .network($0) } ?? .name(Self.withoutDot(found))
    }

    func covers(_ destination: Destination) -> Bool {
        if let port, port != destination.port { return false }
        switch host {
        case .any: return true
        case .name(let name):
            let other = Self.withoutDot(destination.host)
            return other == name || other.hasSuffix("." + name)
        case .network(let network): return IPAddress(destination.host).map(network.contains) ?? false
        }
    }

    private static func withoutDot(_ name: String) -> String { name.hasSuffix(".") ? String(name.dropLast()) : name }
}
