import Glibc
import HTTP

/// The proxies for requests, by default from the environment: `https_proxy`, `http_proxy` and `no_proxy`.
///
/// `HTTPS_PROXY` and `NO_PROXY` are read too; `HTTP_PROXY` is not, since CGI programs get a client's `Proxy` field under
/// that name. libcurl's own reading is switched off. Requests to loopback and Unix sockets never use a proxy.
public struct ProxySettings: Sendable, Hashable {
    /// A proxy, or the error of the variable's value.
    private let secure, plain: Result<Proxy, HTTPClientError>?
    private let exceptions: [Exception]

    /// No proxy.
    public static let none = ProxySettings(environment: [:])

    /// From this process's current environment.
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

    /// One proxy for all requests, from a setting.
    ///
    /// - Parameters:
    ///   - proxy: `http://host[:port]` or `https://…`, without credentials, since settings are shown.
    ///   - exceptions: in the form of `no_proxy`; nil for that variable's.
    ///   - setting: the setting's name, for errors.
    /// - Throws: ``HTTPClientError`` when it is not a proxy's address.
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

    /// - Returns: nil for a direct connection.
    /// - Throws: ``HTTPClientError`` when the proxy's variable is malformed.
    func proxy(for destination: Destination) throws(HTTPClientError) -> Proxy? {
        guard let proxy = destination.scheme == .https ? secure : plain, !destination.isLocal,
            !exceptions.contains(where: { $0.covers(destination) })
        else { return nil }
        return try proxy.get()
    }
}

/// An HTTP proxy.
struct Proxy: Sendable, Hashable {
    /// `http://host:port`, without credentials.
    let url: String
    /// `host:port`.
    let name: String
    let user, password: String?
    /// The variable or setting that names it.
    let variable: String

    /// - Parameter text: `http://[user:password@]host[:port]` or `https://…`; the scheme defaults to `http://`.
    init(_ text: String, from variable: String) throws(HTTPClientError) {
        let unusable = HTTPClientError(
            .proxy, "\(variable) is not a proxy's address, such as http://proxy.example.org:3128.")
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

    /// nil for text with a NUL, or that is not UTF-8.
    private static func decoded(_ text: Substring) -> String? {
        PercentEncoding.decode(text).flatMap { $0.utf8.contains(0) ? nil : $0 }
    }
}

/// An entry of `no_proxy`: a name with its subdomains, an address, a network, or `*`. A name or address may have a port.
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
