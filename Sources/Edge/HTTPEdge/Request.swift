public import Broker
import Bytes
public import HTTP
public import HTTPServer

/// A request whose head has arrived. Its body is read on demand.
public struct Request: Sendable {
    public let head: HTTPRequest
    public let uri: URI
    /// The sender: the peer of the connection, or the client that a trusted proxy names.
    public let caller: Peer
    /// Whether it came over TLS.
    public var isSecure = false
    /// The client's certificate, DER, verified to lead to `tls.client_ca` and to be valid now; nil without one.
    public var certificate: [UInt8]?
    /// The values of the call path's names.
    public var parameters = Parameters()
    /// The query, if the call takes one.
    public var query = Query()
    /// Longest body that the call accepts, in bytes.
    public var longestBody: Int
    private var body: Body

    /// - Parameters:
    ///   - path: path and query, if they differ from the head's.
    ///   - longestBody: in bytes.
    public init(head: HTTPRequest, path: String? = nil, body: Body, from caller: Peer = Peer(), longestBody: Int = 0) {
        self.head = head
        self.body = body
        self.caller = caller
        self.longestBody = longestBody
        uri = URI(path ?? head.path)
    }

    /// nil over a Unix socket.
    public var address: IPAddress? { caller.address }
    /// The user at the other end of a Unix socket, as the kernel says; nil over TCP.
    public var localUser: UInt32? { caller.userID }
    public var method: HTTPRequest.Method { head.method }
    public var headers: HTTPFields { head.headerFields }

    /// Every value of a cookie, in their order: a client may send several, on one header line or on more.
    public func cookies(named name: String) -> [Substring] {
        var values: [Substring] = []
        for line in headers[values: .cookie] {
            let (text, bytes) = (line.utf8, line.utf8.span)
            var start = 0
            while start < bytes.count {
                var end = start
                while end < bytes.count, bytes[end] != UInt8(ascii: ";") { end += 1 }
                while start < end, bytes[start] == UInt8(ascii: " ") { start += 1 }
                let pair = text.dropFirst(start).prefix(end - start)
                if pair.starts(with: name.utf8) {
                    let value = pair.dropFirst(name.utf8.count)
                    if value.first == UInt8(ascii: "=") { values.append(Substring(value.dropFirst())) }
                }
                start = end + 1
            }
        }
        return values
    }

    /// The value of a name in the path, percent-decoded. An id may hold slashes anywhere, but no percent sign, so
    /// decoding is unambiguous.
    public func parameter(_ name: String) throws(Refusal) -> String {
        guard let text = PercentEncoding.decode(parameters[name] ?? "") else {
            throw Refusal(.malformed, "The path is not percent-encoded UTF-8.")
        }
        return text
    }
}

extension Request {
    /// A body, not yet read or already read.
    public enum Body: Sendable {
        case incoming(IncomingBody)
        case collected([UInt8])
    }

    /// The whole body.
    ///
    /// - Throws: ``HTTPError`` if it is longer than the call accepts or malformed by HTTP's rules; `BodyFailure.noRoom`
    ///   if the bodies of all requests would take too much memory.
    public func bytes() async throws -> [UInt8] {
        switch body {
        case .collected(let bytes):
            guard bytes.count <= longestBody else { throw HTTPError.bodyTooLong(longestBody) }
            return bytes
        case .incoming(let body):
            do { return try await body.collect(upTo: longestBody, from: address) } catch {
                switch error {
                case .tooLong(let longest): throw HTTPError.bodyTooLong(longest)
                case .malformed(let fault): throw HTTPError(fault.status, message: fault.reason)
                // The client is gone; a 4xx keeps the log and the metrics from blaming the server.
                case .connectionEnded: throw HTTPError(.clientClosedRequest)
                case .alreadyRead: throw CancellationError()
                case .noRoom: throw error
                }
            }
        }
    }

    /// Reads the body, which can be read again afterwards.
    public mutating func collectBody() async throws -> [UInt8] {
        let bytes = try await bytes()
        body = .collected(bytes)
        return bytes
    }

    /// - Throws: ``HTTPError`` if the content type is not JSON.
    public func requireJSON() throws(HTTPError) {
        // The usual spelling, checked first.
        guard let type = headers[.contentType], !type.utf8.elementsEqual("application/json".utf8) else { return }
        guard CombiningMarks.isASCII(type) else { throw HTTPError(.unsupportedMediaType) }
        let essence = String(type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }).lowercased()
        guard essence == "application/json" else { throw HTTPError(.unsupportedMediaType) }
    }

    /// The body of a request with JSON, or without a content type.
    public func jsonBody() async throws -> [UInt8] {
        try requireJSON()
        return try await bytes()
    }

    /// The body's length, as stated by the request.
    public var statedLength: Int? { headers[.contentLength].flatMap { Int($0) } }
}
