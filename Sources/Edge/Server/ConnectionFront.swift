import FoundationEssentials
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// What stands before HTTP on each connection: the count of connections, deadlines, and TLS.
struct ConnectionFront: Sendable {
    let connections: ConnectionLimits
    let times: ExchangeTimes
    let counters: LimitCounters
    /// `nil` for plain HTTP.
    let tls: CurrentTLS?
    let logger: Logger

    /// Before HTTP's handlers are added. Must run on the channel's loop.
    ///
    /// - Throws: ``TooManyConnections``.
    func prepare(_ channel: any Channel) throws {
        try connections.admit(channel)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ConnectionDeadlines(times: times, counters: counters))
        if let tls {
            let identity = tls.identity
            let handler = NIOSSLServerHandler(context: identity.context)
            try pipeline.addHandlers([
                handler,
                TLSConnectionHandler(handler, of: identity, in: tls, counters: counters, logger: logger),
            ])
        }
    }

    /// After HTTP's handlers were added.
    func finish(_ channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        let deadlines = try pipeline.handler(type: ConnectionDeadlines.self)
        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
        try pipeline.addHandler(RequestBoundaries(deadlines), position: .after(decoder))
    }
}
