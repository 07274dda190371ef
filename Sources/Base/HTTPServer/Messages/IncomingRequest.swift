public import HTTP
public import TLS
public import X509

/// A request of which the head has come, and the body not yet.
public struct IncomingRequest: Sendable {
    public let head: HTTPRequest
    /// Where it stands as the handler finds it: nothing of it is read before it is asked for.
    public let body: IncomingBody
    public let peer: Peer
    /// Where the server listened for it, with the port that it has; nil for a request that came over no socket.
    public let listener: ListeningAddress?
    /// nil for plain HTTP.
    public let tls: TLSPeer?

    public init(
        head: HTTPRequest, body: IncomingBody, peer: Peer, listener: ListeningAddress? = nil, tls: TLSPeer? = nil
    ) {
        self.head = head
        self.body = body
        self.peer = peer
        self.listener = listener
        self.tls = tls
    }
}

/// What TLS knows of a client.
public struct TLSPeer: Sendable {
    /// The certificate that it has shown, if it was found good when the connection began, or the one that this resumes. It
    /// may have expired since, and its authorities may have been replaced: look at the context's.
    public let certificate: X509Certificate?
    /// What the connection began with.
    public let context: TLSContext

    init(certificate: X509Certificate?, context: TLSContext) {
        self.certificate = certificate
        self.context = context
    }
}

/// Why a body was not read.
public enum BodyFailure: Error, Sendable, Hashable {
    /// It is longer than so many bytes.
    case tooLong(Int)
    /// The bodies of all requests would take more memory than they may.
    case noRoom
    /// It is not one by RFC 9112, or ends in its middle.
    case malformed(MalformedMessage)
    /// The connection has ended, or is about to: nobody reads the answer.
    case connectionEnded
    /// It was asked for before.
    case alreadyRead
}

/// A request's body, which is read when it is asked for: whoever is refused at the head sends it for nothing.
public struct IncomingBody: Sendable {
    private let connection: Connection
    private let exchange: Exchange

    init(_ connection: Connection, _ exchange: Exchange) { (self.connection, self.exchange) = (connection, exchange) }

    /// Reads all of it. A client that waits for 100 is told to go on.
    ///
    /// - Parameter longest: in bytes.
    public func collect(upTo longest: Int) async throws(BodyFailure) -> [UInt8] {
        guard exchange.head.hasBody else { return [] }
        if connection.loop.isCurrent, let body = try connection.bodyAtHand(of: exchange, upTo: longest) { return body }
        let result: Result<[UInt8], BodyFailure> = await withUnsafeContinuation { continuation in
            connection.loop.perform { connection.collectBody(of: exchange, upTo: longest, continuation) }
        }
        return try result.get()
    }
}
