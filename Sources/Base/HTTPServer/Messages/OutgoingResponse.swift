public import HTTP

/// What a handler answers.
public struct OutgoingResponse: Sendable {
    public enum Body: Sendable {
        case bytes([UInt8])
        /// Made while it is sent. Without a length it goes in chunks.
        case stream(length: Int?, @Sendable (BodyWriter) async throws -> Void)
    }

    public var status: HTTPResponse.Status
    /// Without those of the connection and of the body's length, which the server adds.
    public var headers: HTTPFields
    public var body: Body

    public init(status: HTTPResponse.Status, headers: HTTPFields = [:], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Plain text.
    public init(status: HTTPResponse.Status, text: String) {
        self.init(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"], body: .bytes(Array(text.utf8)))
    }
}

/// The connection has ended before all was written.
public struct ConnectionEnded: Error, Sendable, CustomStringConvertible {
    public let description = "The connection ended before the response was written."
}

/// Writes a response's body piece by piece, not faster than the client takes it.
public struct BodyWriter: Sendable {
    let connection: Connection
    let exchange: Exchange

    /// Returns when there is room for more.
    ///
    /// - Throws: ``ConnectionEnded``.
    public func write(_ bytes: [UInt8]) async throws(ConnectionEnded) {
        let isWritten: Bool = await withUnsafeContinuation { continuation in
            connection.loop.perform { connection.write(bytes, of: exchange, continuation) }
        }
        guard isWritten else { throw ConnectionEnded() }
    }
}
