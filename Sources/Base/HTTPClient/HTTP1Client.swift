public import HTTP

/// An HTTP/1.1 client: one call sends a request and returns the whole response, within a timeout and a size limit.
///
/// It follows no redirects (one could lead away from TLS with the credentials), keeps no cookies and asks for no
/// compression. All clients share one thread and its idle connections; none needs shutting down.
public struct HTTP1Client: Sendable {
    public struct Configuration: Sendable {
        /// Trust anchors in PEM: authorities, or the server's own certificate; nil for the system's authorities.
        public var authorities: [UInt8]?
        /// Whether the server's certificate is verified. Without it no secret may be sent.
        public var verifiesServer = true
        public var proxies = ProxySettings.ofProcess
        /// The remedy for an untrusted server, as the end of a sentence, e.g. "name its authority with --ca".
        public var trustAdvice = "name its authority"

        public init() {}
    }

    private let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// Sends a request and reads the response.
    ///
    /// - Parameters:
    ///   - timeout: for the whole call, from the name's resolution to the response's last byte.
    ///   - limit: for the body, in bytes.
    /// - Throws: ``HTTPClientError``; `CancellationError` when the task is cancelled, which ends the transfer.
    public func execute(
        _ request: HTTPClientRequest, timeout: Duration, upTo limit: Int
    ) async throws -> HTTPClientResponse {
        let transfer = try Transfer(request, configuration, timeout: timeout, limit: limit)
        return try await TransferThread.shared.run(transfer)
    }
}

/// A client's request.
public struct HTTPClientRequest: Sendable {
    public var method: HTTPRequest.Method
    /// `https://host[:port]` or `http://host[:port]`, optionally with a path and query; or `unix:` and a socket's path.
    public var url: String
    /// Appended to the URL's path.
    public var path: String
    public var headers: HTTPFields
    public var body: [UInt8]?

    public init(
        _ method: HTTPRequest.Method = .get, url: String, path: String = "", headers: HTTPFields = [:],
        body: [UInt8]? = nil
    ) {
        self.method = method
        self.url = url
        self.path = path
        self.headers = headers
        self.body = body
    }

    /// Adds a field, after checking its value.
    ///
    /// - Throws: ``HTTPClientError``, which does not repeat the value.
    public mutating func add(_ name: HTTPField.Name, _ value: String) throws(HTTPClientError) {
        try HeaderLine.check(name, value)
        headers.append(HTTPField(name: name, value: value))
    }
}

/// A response of any status.
public struct HTTPClientResponse: Sendable {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    public let body: [UInt8]

    public init(status: HTTPResponse.Status, headers: HTTPFields, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body as UTF-8, with invalid parts replaced.
    public var text: String { String(decoding: body, as: UTF8.self) }
}
