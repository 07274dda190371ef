import Concurrency
public import HTTP
public import TLS

/// An HTTP/1.1 server over epoll: event loops with a thread each, and a handler that is called for each request's head.
///
/// The handler runs on the loop of its connection, and collects the body itself. A server is started and stopped once.
public final class HTTP1Server: Sendable {
    private let service: Service
    private let workers: Lock<[Worker]>

    /// - Parameters:
    ///   - tls: returns the context for a new TCP connection; nil for plain HTTP. With TLS the process must ignore
    ///     SIGPIPE.
    ///   - observe: called with each event on the loops' threads, where it must not block.
    ///   - refusal: the response to a malformed request.
    ///   - handler: the response to a request.
    public init(
        _ configuration: ServerConfiguration, tls: (@Sendable () -> TLSContext)? = nil,
        observing observe: @escaping @Sendable (ServerEvent) -> Void = { _ in },
        refusing refusal: @escaping @Sendable (MalformedMessage) -> OutgoingResponse = {
            OutgoingResponse(status: $0.status, text: $0.reason + "\n")
        },
        handler: @escaping @Sendable (IncomingRequest) async -> OutgoingResponse
    ) {
        let workers = Lock<[Worker]>([])
        self.workers = workers
        service = Service(configuration, handler: handler, tls: tls, observe: observe, refusal: refusal) { action in
            for worker in workers.withLock({ $0 }) { worker.loop.execute { action(worker) } }
        }
    }

    public var openConnections: Int { service.counts.open }

    /// Memory of the bodies of all requests, in bytes.
    public var bodiesInMemory: Int { service.budget.taken }

    /// Starts to accept connections on the sockets, which end with the server.
    ///
    /// - Throws: when the process may have no more threads or descriptors.
    public func start(_ sockets: [ListeningSocket]) throws {
        let made = try (0..<max(1, service.configuration.loops)).map { _ in
            Worker(try EventLoop(named: service.configuration.threadName), service)
        }
        workers.withLock { $0 = made }
        for worker in made {
            try worker.loop.start()
            worker.loop.execute { worker.listen(sockets) }
        }
    }

    /// Returns when every loop has run a round; never, if one hangs.
    public func roundTrip() async {
        await withDiscardingTaskGroup { group in
            for worker in workers.withLock({ $0 }) { group.addTask(executorPreference: worker.loop) {} }
        }
    }

    /// Makes each further response its connection's last (`Connection: close`). New connections are still accepted.
    public func announceEnd() {
        for worker in workers.withLock({ $0 }) { worker.loop.execute { worker.announceEnd() } }
    }

    /// Ends listening, and returns when all requests are answered.
    ///
    /// - Parameter time: the grace period, after which connections are cut and handlers cancelled.
    public func stop(within time: Duration) async {
        let stopping = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        await withDiscardingTaskGroup { group in
            for worker in stopping {
                group.addTask {
                    await withCheckedContinuation { continuation in
                        worker.loop.execute { worker.stop(within: time) { continuation.resume() } }
                    }
                }
            }
        }
        for worker in stopping { worker.loop.execute { worker.endThread() } }
    }
}
