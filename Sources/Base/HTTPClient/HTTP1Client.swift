public import Bytes
public import HTTP

/// Asks servers over HTTP/1.1: one call, from the request to the whole answer, within a time and a size.
///
/// It follows no redirect, since one could lead away from TLS with the credentials, keeps no cookies, and asks for no
/// compression. All clients share one thread and its idle connections; there is nothing to shut down.
public struct HTTP1Client: Sendable {
    public struct Configuration: Sendable {
        /// Whom to trust, in PEM: authorities, or the very certificate of a server. nil: the system's authorities.
        public var authorities: [UInt8]?
        /// What to prove itself with to servers that ask for it.
        public var identity: Identity?
        /// Whether a server must prove who it is. Without that nothing secret may be sent.
        public var verifiesServer = true
        public var proxies = ProxySettings.ofProcess
        /// What to do about a server that is not trusted, as the end of a sentence, e.g. "name its authority with --ca".
        public var trustAdvice = "name its authority"

        public init() {}
    }

    /// A certificate with its key.
    public struct Identity: Sendable {
        let certificates: [UInt8]
        let key: Secret

        /// - Parameters:
        ///   - certificates: PEM, the client's own first.
        ///   - key: PEM, without a passphrase.
        public init(certificates: [UInt8], key: Secret) { (self.certificates, self.key) = (certificates, key) }
    }

    private let configuration: Configuration

    public init(_ configuration: Configuration = Configuration()) { self.configuration = configuration }

    /// Sends a request and reads the answer.
    ///
    /// - Parameters:
    ///   - timeout: for everything, from the name's lookup to the answer's last byte.
    ///   - limit: the longest body that is taken, in bytes.
    /// - Throws: ``HTTPClientError``, or `CancellationError` when the task is cancelled, which ends the transfer.
    public func execute(
        _ request: HTTPClientRequest, timeout: Duration, upTo limit: Int
    ) async throws -> HTTPClientResponse {
        let transfer = try Transfer(request, configuration, timeout: timeout, limit: limit)
        return try await TransferThread.shared.run(transfer)
    }
}

/// A request: what is asked of whom.
public struct HTTPClientRequest: Sendable {
    public var method: HTTPRequest.Method
    /// `https://host[:port]`, `http://host[:port]`, with a path and query or without; or `unix:` and a socket's path.
    public var url: String
    /// Comes behind the URL's own path.
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

    /// Checks a field's value and adds it.
    ///
    /// - Throws: ``HTTPClientError``, which does not repeat the value.
    public mutating func add(_ name: HTTPField.Name, _ value: String) throws(HTTPClientError) {
        try HeaderLine.check(name, value)
        headers.append(HTTPField(name: name, value: value))
    }
}

/// An answer, whatever its status.
public struct HTTPClientResponse: Sendable {
    public let status: HTTPResponse.Status
    public let headers: HTTPFields
    public let body: [UInt8]

    public init(status: HTTPResponse.Status, headers: HTTPFields, body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body, as far as it is UTF-8.
    public var text: String { String(decoding: body, as: UTF8.self) }
}
