public import HTTP
public import TLS

/// What a server takes, and for how long it waits.
public struct ServerConfiguration: Sendable {
    /// Threads that serve.
    public var loops = 2
    /// What these are called by the system's tools.
    public var threadName = "http"
    /// Connections in all. Above, new ones wait in the kernel until another ends.
    public var connections = 12_000
    /// Connections of an address, or of an IPv6 network of 64 bits. Above, new ones are closed.
    public var connectionsPerAddress = 4_000
    /// Networks of proxies, behind which there are many callers: their connections count in all only.
    public var proxies = NetworkList.none
    /// Networks of balancers whose connections over TCP begin with a ``ProxyHeader``, before TLS. What comes from there
    /// without one is closed; from elsewhere it is no message.
    public var proxyProtocol = NetworkList.none
    /// Bodies of all requests that are being received and answered, in bytes.
    public var bodies = 256 * 1_024 * 1_024
    public var head = HeadLimits()

    /// From a connection's beginning to the end of TLS's handshake.
    public var handshakeTimeout = Duration.seconds(15)
    /// For a request's head, from its first byte on; for a connection's first, from the connection on.
    public var headTimeout = Duration.seconds(15)
    /// For a request's body, from when it is asked for. Each ``leastBodyRate`` bytes that have come give it a second more.
    public var bodyTimeout = Duration.seconds(30)
    /// Bytes in a second, over the body as a whole.
    public var leastBodyRate = 16 * 1_024
    /// In which a client must take some of a response.
    public var writeTimeout = Duration.seconds(30)
    /// Silence between requests. Longer than that of balancers in front (60 to 90 seconds), so that it is they who close.
    public var idleTimeout = Duration.seconds(120)

    /// Of a refused request's body as much is read and thrown away, so that the connection goes on. In bytes.
    public var drained = 256 * 1_024
    /// Of a connection that ends as much is thrown away, so that the client reads the answer. In bytes.
    public var lingered = 1_024 * 1_024
    public var lingerTimeout = Duration.seconds(2)

    public init() {}
}

/// What happens in a server that is worth counting or writing down. It is told on the threads that serve.
public enum ServerEvent: Sendable {
    case connectionOpened
    case connectionClosed
    /// ``ServerConfiguration/connections`` was reached, and accepting has paused.
    case acceptingPaused
    /// ``ServerConfiguration/connectionsPerAddress`` was reached, and one more was closed.
    case connectionRefused(Peer)
    /// The system gave no socket; accepting goes on a little later.
    case acceptFailed(SocketFailure)
    case handshakeTimedOut(Peer)
    case handshakeFailed(TLSError, Peer)
    case headTimedOut(Peer)
    case bodyTimedOut(Peer)
    case writeTimedOut(Peer)
    /// ``ServerConfiguration/bodies`` was reached.
    case bodyRefused(Peer)
    /// A message that is none was refused.
    case malformed(MalformedMessage, Peer)
    /// A response could not be written as it was meant, and the client got 500.
    case unwritable(UnwritableField)
}
