import Concurrency
public import HTTP
public import TLS

/// An HTTP/1.1 server over epoll: some loops with a thread each, and a handler that is called at each request's head.
///
/// The handler runs on the loop of its connection, and asks for the body if it wants it. A server is started and
/// stopped once.
public final class HTTP1Server: Sendable {
    private let service: Service
    private let workers: Lock<[Worker]>
    private let configuration: ServerConfiguration

    /// - Parameters:
    ///   - tls: what a new connection over TCP begins with, asked for each; nil for plain HTTP. The process must ignore
    ///     SIGPIPE then.
    ///   - observe: is told what happens, on the threads that serve: it must not wait.
    ///   - refusal: the answer to what is no request.
    ///   - handler: the answer to a request.
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
        self.configuration = configuration
        service = Service(configuration, handler: handler, tls: tls, observe: observe, refusal: refusal) {
            for worker in workers.withLock({ $0 }) { worker.loop.execute { worker.resumeAccepting() } }
        }
    }

    /// Connections that are open.
    public var openConnections: Int { service.counts.open }

    /// What bodies take in memory, in bytes.
    public var bodiesInMemory: Int { service.budget.taken }

    /// Begins to serve who connects to the sockets, which end with the server.
    ///
    /// - Throws: ``SocketFailure`` when the process may have no more threads or files.
    public func start(_ sockets: [ListeningSocket]) throws {
        let made = try (0..<max(1, configuration.loops)).map { _ in
            Worker(try EventLoop(named: configuration.threadName), service)
        }
        workers.withLock { $0 = made }
        for worker in made {
            try worker.loop.start()
            worker.loop.execute { worker.listen(sockets) }
        }
    }

    /// Returns when every loop has come round once. A server of which one hangs does not return.
    public func comeRound() async {
        let loops = workers.withLock { $0.map(\.loop) }
        guard !loops.isEmpty else { return }
        let left = Lock(loops.count)
        await withCheckedContinuation { continuation in
            for loop in loops {
                loop.execute {
                    let isLast = left.withLock { left in
                        left -= 1
                        return left == 0
                    }
                    if isLast { continuation.resume() }
                }
            }
        }
    }

    /// From now on each response is its connection's last, and clients are told so; new ones are still accepted.
    public func announceEnd() {
        for worker in workers.withLock({ $0 }) { worker.loop.execute { worker.announceEnd() } }
    }

    /// Accepts nobody any more, and returns when all requests are answered.
    ///
    /// - Parameter time: what is not answered by then is cut, and its handler cancelled.
    public func stop(within time: Duration) async {
        let stopping = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        guard !stopping.isEmpty else { return }
        let left = Lock(stopping.count)
        await withCheckedContinuation { continuation in
            for worker in stopping {
                worker.loop.execute {
                    worker.stop(within: time) {
                        let isLast = left.withLock { left in
                            left -= 1
                            return left == 0
                        }
                        if isLast { continuation.resume() }
                    }
                }
            }
        }
        for worker in stopping { worker.loop.execute { worker.endThread() } }
    }
}
