public import HTTP
public import TLS

/// A server's limits and timeouts.
public struct ServerConfiguration: Sendable {
    /// Event loops, each with a thread.
    public var loops = 2
    /// The threads' name, for the system's tools.
    public var threadName = "http"
    /// Connections in all. For a further one the connection that has waited longest between requests is closed; without
    /// such a one it waits in the kernel until another ends.
    public var connections = 12_000
    /// Connections of one address, or of one IPv6 /64 network. Further ones are closed.
    public var connectionsPerAddress = 4_000
    /// Networks of proxies, which stand for many callers: their connections count towards ``connections`` only.
    public var proxies = NetworkList.none
    /// Networks of balancers whose TCP connections must begin with a ``ProxyHeader``, before TLS. Without it they are
    /// closed; from elsewhere the header is a malformed message.
    public var proxyProtocol = NetworkList.none
    /// Memory for the bodies of all requests being received and answered, in bytes.
    public var bodies = 256 * 1_024 * 1_024
    /// A body of which more than this has been received is long, in bytes.
    public var longBody = 256 * 1_024
    /// The part of ``bodies`` for long bodies.
    public var longBodies = 128 * 1_024 * 1_024
    /// The part of ``longBodies`` for one sender's.
    public var longBodiesPerSender = 64 * 1_024 * 1_024
    public var head = HeadLimits()

    /// From the connection's beginning to the end of the TLS handshake.
    public var tlsHandshakeTimeout = Duration.seconds(15)
    /// For a request's head, from its first byte; for a connection's first, from the connection's beginning.
    public var headTimeout = Duration.seconds(15)
    /// For a request's body, from when it is collected. Each ``leastBodyRate`` bytes received extend it by a second.
    public var bodyTimeout = Duration.seconds(30)
    /// Bytes per second, averaged over the body.
    public var leastBodyRate = 16 * 1_024
    /// For the client to take more of a response.
    public var writeTimeout = Duration.seconds(30)
    /// Between requests. Longer than that of balancers in front (60 to 90 seconds), so that they close first.
    public var idleTimeout = Duration.seconds(120)

    /// Bytes of an unread body that are discarded to keep the connection.
    public var drained = 256 * 1_024
    /// Bytes that are discarded on an ending connection, so that the client reads the response.
    public var lingered = 1_024 * 1_024
    public var lingerTimeout = Duration.seconds(2)

    public init() {}
}

/// An event for metrics and logs. Reported on the loops' threads.
public enum ServerEvent: Sendable {
    case connectionOpened
    case connectionClosed
    /// ``ServerConfiguration/connections`` was reached, no connection was idle, and accepting has paused.
    case acceptingPaused
    /// ``ServerConfiguration/connections`` was reached, and an idle connection was closed for a new one.
    case idleConnectionClosed(Peer)
    /// ``ServerConfiguration/connectionsPerAddress`` was reached, and a connection was closed.
    case connectionRefused(Peer)
    /// The system gave no socket; accepting is retried.
    case acceptFailed(SocketFailure)
    case tlsHandshakeTimedOut(Peer)
    case tlsHandshakeFailed(TLSError, Peer)
    case headTimedOut(Peer)
    case bodyTimedOut(Peer)
    case writeTimedOut(Peer)
    /// ``ServerConfiguration/bodies``, or its part for long bodies, was reached.
    case bodyRefused(Peer)
    /// A malformed message was refused.
    case malformed(MalformedMessage, Peer)
    /// A response had an invalid header field, and 500 was sent instead.
    case unwritable(UnwritableField)
}
