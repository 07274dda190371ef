import Hummingbird
import Logging
import NIOCore

/// A server's limits, put together from its settings.
struct ServerLimits: Sendable {
    let connections: ConnectionLimits
    let counters = LimitCounters()
    private let settings: LimitSettings
    let bodies: BodyBudget
    private let room: WaitingRoom
    private let rate: RateLimiter?

    /// Also raises the process's own limit of open files, and stays below it.
    init(_ settings: LimitSettings, logger: Logger) {
        self.settings = settings
        bodies = BodyBudget(capacity: settings.bodies)
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
        connections = ConnectionLimits(
            most: most, mostPerCaller: settings.connectionsPerAddress, counters: counters)
    }

    /// Behind what turns refusals into replies.
    func addMiddleware(to router: Router<KBSRequestContext>) {
        if let rate { router.add(middleware: RateLimitMiddleware(limiter: rate, counters: counters)) }
        router.add(middleware: BodyLimitMiddleware(longestBody: settings.body, longestResource: settings.resource))
        router.add(middleware: BodyBudgetMiddleware(budget: bodies, counters: counters))
        router.add(middleware: EndorsementCallerMiddleware())
        router.add(
            middleware: AttestationQueueMiddleware(room: room, longestBody: settings.body, counters: counters))
    }

    func front(_ tls: CurrentTLS?, logger: Logger) -> ConnectionFront {
        ConnectionFront(
            connections: connections, times: ExchangeTimes(settings), counters: counters, tls: tls, logger: logger)
    }
}
