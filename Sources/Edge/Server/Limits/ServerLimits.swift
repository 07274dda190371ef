import FoundationEssentials
import HTTP
import HTTPEdge
import HTTPServer
import Installation
import Logging

/// A server's limits, put together from its settings.
struct ServerLimits: Sendable {
    let counters = LimitCounters()
    private let settings: LimitSettings
    private let room: WaitingRoom
    private let rate: RateLimiter?
    /// As the system allows it.
    private let mostConnections: Int

    /// Also raises the process's own limit of open files, and stays below it.
    init(_ settings: LimitSettings, logger: Logger) {
        self.settings = settings
        room = WaitingRoom(capacity: settings.waitingAttestations)
        rate =
            settings.requestsPerSecond > 0
            ? RateLimiter(perSecond: settings.requestsPerSecond, burst: settings.burst) : nil
        var most = settings.connections
        if let files = FileDescriptorLimit.raise(), files - FileDescriptorLimit.reserve < most {
            most = max(1, files - FileDescriptorLimit.reserve)
            logger.warning(
                "The system lets this process open fewer sockets than limits.connections: raise LimitNOFILE (ulimit -n).",
                metadata: ["open_files": "\(files)", "connections": "\(most)"])
        }
        mostConnections = most
    }

    /// What the HTTP server itself keeps.
    func configuration(idleTimeout: TimeInterval) -> ServerConfiguration {
        var configuration = ServerConfiguration()
        configuration.loops = ProcessInfo.processInfo.activeProcessorCount
        configuration.connections = mostConnections
        configuration.connectionsPerAddress = settings.connectionsPerAddress
        configuration.bodies = settings.bodies
        configuration.handshakeTimeout = .seconds(settings.headerTimeout)
        configuration.headTimeout = .seconds(settings.headerTimeout)
        configuration.bodyTimeout = .seconds(settings.bodyTimeout)
        configuration.writeTimeout = .seconds(settings.writeTimeout)
        configuration.idleTimeout = .seconds(idleTimeout)
        return configuration
    }

    /// Behind what turns refusals into replies.
    ///
    /// - Parameter isChallenge: whether a request of the guest components' has a cookie of this server's.
    func addMiddleware(
        to router: Router<KBSRequestContext>, isChallenge: @escaping @Sendable (Request) -> Bool = { _ in false }
    ) {
        let bodies = BodyAllowance(settings, isChallenge: isChallenge)
        if let rate { router.add(middleware: RateLimitMiddleware(limiter: rate, bodies: bodies, counters: counters)) }
        router.add(middleware: BodyLimitMiddleware(bodies: bodies))
        router.add(middleware: AttestationQueueMiddleware(room: room, bodies: bodies, counters: counters))
    }
}
