import HTTP

/// A request's destination: a URL, parsed strictly once and written anew for libcurl, so that both agree on it.
struct Destination: Sendable, Hashable {
    enum Scheme: String { case http, https }

    let scheme: Scheme
    /// Lower case, without brackets.
    let host: String
    let port: Int
    /// With the query.
    let target: String
    /// A Unix socket's path, in place of host and port.
    let socket: String?

    /// - Parameters:
    ///   - url: `http://…`, `https://…`, or `unix:` and a socket's path.
    ///   - path: appended to the URL's path.
    init(_ url: String, _ path: String) throws(HTTPClientError) {
        if url.hasPrefix("unix:") {
            (self.scheme, self.host, self.port) = (.http, "localhost", 80)
            socket = try Self.checked(socket: url.dropFirst("unix:".count))
            target = try Self.checked(target: path)
            return
        }
        let (scheme, rest) = try Self.scheme(of: url)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@") else {
            throw HTTPClientError(
                .request, "The URL holds credentials (before the @), which are not sent: leave them out.")
        }
        (self.host, self.port) = try Self.hostAndPort(String(authority), scheme == .https ? 443 : 80)
        self.scheme = scheme
        self.socket = nil
        var base = String(rest[end...])
        if base.hasSuffix("/"), path.hasPrefix("/") { base.removeLast() }
        self.target = try Self.checked(target: base + path)
    }

    /// For errors: `host:port`, or `the socket /path`.
    var name: String { socket.map { "the socket \($0)" } ?? "\(bracketed):\(port)" }

    /// For libcurl.
    var url: String { "\(scheme.rawValue)://\(bracketed):\(port)\(target)" }

    private var bracketed: String { host.contains(":") ? "[\(host)]" : host }

    /// Whether its name or address is this machine's.
    var isLocal: Bool { socket != nil || IPAddress.isThisMachine(host) }

    private static func scheme(of url: String) throws(HTTPClientError) -> (Scheme, Substring) {
        let text = url.utf8
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), url[colon...].hasPrefix("://") else {
            throw HTTPClientError(.request, "A URL begins with https://, http:// or unix:, and this one does not.")
        }
        guard let scheme = Scheme(rawValue: url[..<colon].lowercased()) else {
            throw HTTPClientError(.request, "The URL's scheme is not supported: use https://, http:// or unix:.")
        }
        return (scheme, url[colon...].dropFirst(3))
    }

    static func hostAndPort(_ authority: String, _ defaultPort: Int) throws(HTTPClientError) -> (String, Int) {
        var host = authority[...]
        var port = defaultPort
        if let bracket = authority.lastIndex(of: "]"), authority.hasPrefix("[") {
            host = authority[authority.index(after: authority.startIndex)..<bracket]
            let behind = authority[authority.index(after: bracket)...]
            guard host.contains(":"), IPAddress(host) != nil else { throw unusableHost }
            if !behind.isEmpty {
                guard behind.hasPrefix(":") else { throw unusableHost }
                port = try number(behind.dropFirst())
            }
        } else {
            if let colon = authority.firstIndex(of: ":") {
                host = authority[..<colon]
                port = try number(authority[authority.index(after: colon)...])
            }
            guard isName(host) else { throw unusableHost }
        }
        return (host.lowercased(), port)
    }

    private static let unusableHost = HTTPClientError(
        .request,
        "The URL's host is neither a name such as kbs.example.org nor an address: write names of other alphabets in "
            + "their xn-- form, and IPv6 addresses in brackets.")

    private static func number(_ digits: Substring) throws(HTTPClientError) -> Int {
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(digits), (1...65_535).contains(number)
        else { throw HTTPClientError(.request, "The URL's port is not a number from 1 to 65535.") }
        return number
    }

    /// A name of letters, digits, `-`, `_` and dots, or an IPv4 address in dotted decimal. The shorter and octal forms of
    /// `inet_aton` are refused.
    private static func isName(_ host: Substring) -> Bool {
        guard (1...253).contains(host.utf8.count) else { return false }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        // A trailing dot marks a fully qualified name.
        guard let last = labels.last(where: { !$0.isEmpty }) else { return false }
        guard last.utf8.allSatisfy({ (0x30...0x39).contains($0) }) || last.lowercased().hasPrefix("0x") else {
            return labels.dropLast(labels.last == "" ? 1 : 0).allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
        }
        return !host.contains(":") && IPAddress(host) != nil
    }

    private static func checked(socket path: Substring) throws(HTTPClientError) -> String {
        guard path.hasPrefix("/"), path.utf8.count <= 107, !path.utf8.contains(0) else {
            throw HTTPClientError(
                .request, "unix: takes a socket's absolute path of at most 107 bytes: unix:/run/kbs/kbs.sock.")
        }
        return String(path)
    }

    private static func checked(target: String) throws(HTTPClientError) -> String {
        let target = target.hasPrefix("/") ? target : "/" + target
        let isUsable = target.utf8.allSatisfy { byte in
            switch byte {
            case 0x00...0x20, 0x7F...0xFF, UInt8(ascii: "\""), UInt8(ascii: "#"), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"),
                UInt8(ascii: "}"):
                false
            default: true
            }
        }
        guard isUsable else {
            throw HTTPClientError(.request, "The URL's path holds a character that must be percent-encoded.")
        }
        return target
    }

}
