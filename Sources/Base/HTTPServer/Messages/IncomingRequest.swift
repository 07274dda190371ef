public import HTTP
public import TLS
public import X509

/// A request whose head has been read; its body has not.
public struct IncomingRequest: Sendable {
    public let head: HTTPRequest
    public let body: IncomingBody
    public let peer: Peer
    /// The listening address of the connection, with its actual port; nil for a request that came over no socket.
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

/// A client's TLS session.
public struct TLSPeer: Sendable {
    /// The client's certificate, verified when the session began; also of a resumed session. It may have expired since,
    /// and its authorities may have been replaced: compare `context`.
    public let certificate: X509Certificate?
    /// The context that the session began with.
    public let context: TLSContext

    init(certificate: X509Certificate?, context: TLSContext) {
        self.certificate = certificate
        self.context = context
    }
}

/// Why a body was not read.
public enum BodyFailure: Error, Sendable, Hashable {
    /// It is longer than this many bytes.
    case tooLong(Int)
    /// The memory for the bodies of all requests is used up.
    case noRoom
    /// It violates RFC 9112, or is truncated.
    case malformed(MalformedMessage)
    /// The connection has ended, or is about to: a response would not be read.
    case connectionEnded
    /// It was collected before.
    case alreadyRead
}

/// A request's body. It is read on demand, so that a request refused by its head costs no memory for a body.
public struct IncomingBody: Sendable {
    private let connection: Connection
    private let exchange: Exchange

    init(_ connection: Connection, _ exchange: Exchange) { (self.connection, self.exchange) = (connection, exchange) }

    /// Reads the whole body, after sending 100 (Continue) to a client that expects it.
    ///
    /// - Parameters:
    ///   - longest: in bytes.
    ///   - sender: the address whose share of the memory for long bodies it takes; an IPv6 address counts as its /64
    ///     network. nil: no share.
    public func collect(upTo longest: Int, from sender: IPAddress? = nil) async throws(BodyFailure) -> [UInt8] {
        guard exchange.head.hasBody else { return [] }
        if connection.loop.isCurrent, let body = try connection.bodyAtHand(of: exchange, upTo: longest) { return body }
        let result: Result<[UInt8], BodyFailure> = await withUnsafeContinuation { continuation in
            connection.loop.perform {
                connection.collectBody(of: exchange, upTo: longest, from: sender, continuation)
            }
        }
        return try result.get()
    }
}
