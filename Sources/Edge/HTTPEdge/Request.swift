public import HTTP
public import HTTPServer

/// A request of which the head has come. Its body is read when it is asked for.
public struct Request: Sendable {
    public let head: HTTPRequest
    public let uri: URI
    public var body: Body

    public init(head: HTTPRequest, body: Body) { self.init(head: head, path: head.path, body: body) }

    /// - Parameter path: path and query, where they are another form of those in the head.
    init(head: HTTPRequest, path: String, body: Body) {
        self.head = head
        self.body = body
        uri = URI(path)
    }

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

    public enum Body: Sendable {
        case incoming(IncomingBody)
        /// It was read before.
        case collected([UInt8])

        /// All of it.
        ///
        /// - Parameter longest: in bytes.
        /// - Throws: ``HTTPError`` when it is longer, or is no body by HTTP's rules; `BodyFailure.noRoom` when the bodies of
        ///   all requests would take too much memory; `CancellationError` when the connection has ended.
        public func collect(upTo longest: Int) async throws -> [UInt8] {
            switch self {
            case .collected(let bytes):
                guard bytes.count <= longest else { throw HTTPError.bodyTooLong(longest) }
                return bytes
            case .incoming(let body):
                do { return try await body.collect(upTo: longest) } catch {
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
    }

    /// Reads the body, which can be read again afterwards.
    public mutating func collectBody(upTo longest: Int) async throws -> [UInt8] {
        let bytes = try await body.collect(upTo: longest)
        body = .collected(bytes)
        return bytes
    }
}
