/// A request's head, with its body length and connection options.
public struct RequestHead: Sendable {
    public let request: HTTPRequest
    public let bodyLength: BodyLength
    /// Whether the connection ends after the response, by `Connection: close` or HTTP/1.0.
    public let closes: Bool
    /// Whether the client sent `Connection: keep-alive`.
    public let asksToKeepAlive: Bool
    /// Whether the client waits for 100 before it sends the body.
    public let expectsContinue: Bool

    public var hasBody: Bool { bodyLength != .bytes(0) }
}

/// An incremental, strict reader of a request's head. Source: RFC 9112.
public struct RequestReader: Sendable {
    private var head: HeadReader

    public init(_ limits: HeadLimits = HeadLimits()) { head = HeadReader(limits) }

    /// - Parameter bytes: all received bytes of the message, more with each call.
    /// - Returns: the head and the index of the body; nil while the head is incomplete.
    public mutating func read(_ bytes: [UInt8]) throws(MalformedMessage) -> (head: RequestHead, end: Int)? {
        guard let end = try head.end(in: bytes) else { return nil }
        return (try Self.head(bytes, from: head.start, to: end), end)
    }

    private static func head(
        _ bytes: [UInt8], from start: Int, to end: Int
    ) throws(MalformedMessage) -> RequestHead {
        let line = try StartLine(bytes, from: start)
        var (fields, framing) = (HTTPFields(), Framing())
        fields.reserveCapacity(8)
        var (host, expectsContinue): (String?, Bool) = (nil, false)
        // Without the empty line.
        var reader = FieldReader(line.end..<(end - 2))
        while let field = try reader.next(in: bytes) {
            let (name, value) = (bytes[field.name], bytes[field.value])
            try framing.note(name, value)
            let text = String(decoding: value, as: UTF8.self)
            if name.isCaseInsensitively("host") {
                guard host == nil else { throw MalformedMessage(.host, "Host comes twice.") }
                guard value.allSatisfy(\.isAuthorityCharacter) else {
                    throw MalformedMessage(.host, "Host is not a name or address with a port.")
                }
                host = text
            } else if name.isCaseInsensitively("expect"), !line.isHTTP10 {
                guard value.isCaseInsensitively("100-continue"), !expectsContinue else {
                    throw MalformedMessage(
                        .expectation, .expectationFailed, "Expect is not 100-continue, the only one supported.")
                }
                expectsContinue = true
            }
            fields.append(HTTPField(name: HTTPField.Name(token: name), value: text))
        }
        guard host != nil || line.isHTTP10 else { throw MalformedMessage(.host, "There is no Host.") }
        let length = try framing.bodyLength(isHTTP10: line.isHTTP10) ?? .bytes(0)
        return RequestHead(
            request: try line.request(bytes, host: host, fields), bodyLength: length,
            closes: framing.closes || line.isHTTP10, asksToKeepAlive: framing.keepsAlive,
            expectsContinue: expectsContinue && length != .bytes(0))
    }
}

/// `METHOD target HTTP/1.1`. Source: RFC 9112, section 3.
private struct StartLine {
    let method: HTTPRequest.Method
    let target: Range<Int>
    let isHTTP10: Bool
    /// After its CR LF.
    let end: Int

    init(_ bytes: [UInt8], from start: Int) throws(MalformedMessage) {
        let span = bytes.span
        var position = start
        while span[position].isTokenCharacter { position += 1 }
        guard position > start, span[position] == .space else { throw HeadReader.unreadable }
        let method = bytes[start..<position]
        position += 1
        let targetStart = position
        while span[position].isTargetCharacter { position += 1 }
        target = targetStart..<position
        guard span[position] == .space else {
            guard span[position] != .carriageReturn else { throw HeadReader.unreadable }
            throw MalformedMessage(.target, "The target holds a character that is not percent-encoded.")
        }
        guard !target.isEmpty else { throw HeadReader.unreadable }
        position += 1
        isHTTP10 = try Self.isHTTP10(bytes, at: position)
        end = position + 10
        // After the version: in another protocol the method has no meaning.
        guard let known = HTTPRequest.Method.known.first(where: { method.isExactly($0.rawValue) }) else {
            throw MalformedMessage(.method, .notImplemented, "The request's method is not supported.")
        }
        self.method = known
    }

    /// Reads `HTTP/1.1` and the line's end.
    private static func isHTTP10(_ bytes: [UInt8], at position: Int) throws(MalformedMessage) -> Bool {
        guard position + 10 <= bytes.count, bytes[position..<(position + 5)].isExactly("HTTP/"),
            bytes[position + 5].isDigit, bytes[position + 6] == UInt8(ascii: "."), bytes[position + 7].isDigit,
            bytes[position + 8] == .carriageReturn, bytes[position + 9] == .lineFeed
        else { throw HeadReader.unreadable }
        switch (bytes[position + 5], bytes[position + 7]) {
        case (UInt8(ascii: "1"), UInt8(ascii: "1")): return false
        case (UInt8(ascii: "1"), UInt8(ascii: "0")): return true
        default: throw MalformedMessage(.version, .httpVersionNotSupported, "Only HTTP/1.1 and 1.0 are supported.")
        }
    }

    func request(
        _ bytes: [UInt8], host: String?, _ fields: HTTPFields
    ) throws(MalformedMessage) -> HTTPRequest {
        let text = String(decoding: bytes[target], as: UTF8.self)
        if bytes[target.lowerBound] == UInt8(ascii: "/") {
            return HTTPRequest(method: method, authority: host, path: text, headerFields: fields)
        }
        if text == "*" {
            guard method == .options else {
                throw MalformedMessage(.target, "The target * is valid with OPTIONS only.")
            }
            return HTTPRequest(method: method, authority: host, path: text, headerFields: fields)
        }
        return try absolute(text, host: host, fields)
    }

    /// The absolute form, `http://host/path`. A different Host is refused, as proxies and servers would disagree.
    private func absolute(
        _ text: String, host: String?, _ fields: HTTPFields
    ) throws(MalformedMessage) -> HTTPRequest {
        let lower = text.utf8.prefix(8).map(\.lowercased)
        let scheme = lower.starts(with: "http://".utf8) ? "http" : lower.starts(with: "https://".utf8) ? "https" : ""
        let rest = text.utf8.dropFirst(scheme.utf8.count + 3)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard !scheme.isEmpty, !authority.isEmpty, authority.allSatisfy(\.isAuthorityCharacter) else {
            throw MalformedMessage(.target, "The target is neither a path nor a URL of http or https.")
        }
        guard host == nil || host?.utf8.map(\.lowercased) == authority.map(\.lowercased) else {
            throw MalformedMessage(.host, "Host differs from the target's.")
        }
        let path = String(Substring(rest.dropFirst(authority.count)))
        return HTTPRequest(
            method: method, scheme: scheme, authority: String(Substring(authority)),
            path: path.utf8.first == UInt8(ascii: "/") ? path : "/" + path, headerFields: fields)
    }
}
