import HTTP
import HTTPServer
import Logging
import Metrics

/// Counts and logs connection events that happen outside of requests.
struct ConnectionLog: Sendable {
    let counters: LimitCounters
    let open: Gauge
    let metrics: HTTPMetrics
    let logger: Logger
    let tlsLogger: Logger

    func callAsFunction(_ event: ServerEvent) {
        switch event {
        case .connectionOpened: open.increment()
        case .connectionClosed: open.decrement()
        case .acceptingPaused, .idleConnectionClosed: counters.count(.connections)
        case .connectionRefused: counters.count(.connectionsPerAddress)
        case .acceptFailed(let failure):
            logger.error("A connection could not be accepted.", metadata: ["error": "\(failure)"])
        // An unfinished TLS handshake counts like an unfinished head.
        case .tlsHandshakeTimedOut, .headTimedOut: counters.count(.headerTimeout)
        case .tlsHandshakeFailed(let error, let peer):
            counters.count(.handshake)
            tlsLogger.debug("A TLS handshake failed.", metadata: ["address": "\(peer)", "reason": "\(error)"])
        case .bodyTimedOut: counters.count(.bodyTimeout)
        case .writeTimedOut: counters.count(.writeTimeout)
        case .bodyRefused: counters.count(.bodies)
        case .malformed(let message, let peer):
            metrics.count(message)
            logger.debug("A malformed request was refused.", metadata: ["address": "\(peer)", "reason": "\(message)"])
        case .unwritable(let field):
            logger.error("An answer could not be written.", metadata: ["error": "\(field)"])
        }
    }
}
