public import Broker
import Bytes
public import HTTP
public import HTTPServer

/// A request of which the head has come. Its body is read when it is asked for.
public struct Request: Sendable {
    public let head: HTTPRequest
    public let uri: URI
    /// Who sent it: whoever is at the other end of the connection, or behind a trusted proxy there.
    public let caller: Peer
    /// DER of the client's certificate, which leads to `tls.client_ca` and is valid now; nil when it showed none.
    public var certificate: [UInt8]?
    /// What stands in the path where its call has names.
    public var parameters = Parameters()
    /// The query, as far as its call has one.
    public var query = Query()
    /// Of its body, in bytes, as its call has it.
    public var longestBody: Int
    private var body: Body

    /// - Parameters:
    ///   - path: path and query, where they are another form of those in the head.
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
            var rest = Substring(line).utf8
            while !rest.isEmpty {
                let pair = rest.prefix { $0 != UInt8(ascii: ";") }
                rest = rest[pair.endIndex...].dropFirst()
                let cookie = pair.drop { $0 == UInt8(ascii: " ") }
                guard cookie.starts(with: name.utf8) else { continue }
                let value = cookie.dropFirst(name.utf8.count)
                if value.first == UInt8(ascii: "=") { values.append(Substring(value.dropFirst())) }
            }
        }
        return values
    }

    /// What a name stands for in the path, percent-decoded. An id may hold slashes in any place; it holds no percent sign, so
    /// that decoding it is never wrong.
    public func parameter(_ name: String) throws(Refusal) -> String {
        guard let text = PercentEncoding.decode(parameters[name] ?? "") else {
            throw Refusal(.malformed, "The path is not percent-encoded UTF-8.")
        }
        return text
    }
}

extension Request {
    /// A body, as it comes or as it was read before.
    public enum Body: Sendable {
        case incoming(IncomingBody)
        case collected([UInt8])
    }

    /// The whole body.
    ///
    /// - Throws: ``HTTPError`` when it is longer than its call's may be, or is no body by HTTP's rules;
    ///   `BodyFailure.noRoom` when the bodies of all requests would take too much memory.
    public func bytes() async throws -> [UInt8] {
        switch body {
        case .collected(let bytes):
            guard bytes.count <= longestBody else { throw HTTPError.bodyTooLong(longestBody) }
            return bytes
        case .incoming(let body):
            do { return try await body.collect(upTo: longestBody) } catch {
                switch error {
                case .tooLong(let longest): throw HTTPError.bodyTooLong(longest)
                case .malformed(let fault): throw HTTPError(fault.status, message: fault.reason)
                // Nobody reads this answer; the log and the metrics should not blame the server.
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

    /// - Throws: ``HTTPError`` where the request says that its body is something else than JSON.
    public func requireJSON() throws(HTTPError) {
        // Most clients say it so.
        guard let type = headers[.contentType], !type.utf8.elementsEqual("application/json".utf8) else { return }
        guard CombiningMarks.isASCII(type) else { throw HTTPError(.unsupportedMediaType) }
        let essence = String(type.prefix { $0 != ";" && $0 != " " && $0 != "\t" }).lowercased()
        guard essence == "application/json" else { throw HTTPError(.unsupportedMediaType) }
    }

    /// The body of a request that has JSON, or does not say.
    public func jsonBody() async throws -> [UInt8] {
        try requireJSON()
        return try await bytes()
    }

    /// How long the body is, as the request says it.
    public var statedLength: Int? { headers[.contentLength].flatMap { Int($0) } }
}
