import CEpoll
import Glibc
import HTTP
import TLS

/// State that all loops of a server share.
final class Service: Sendable {
    typealias Handler = @Sendable (IncomingRequest) async -> OutgoingResponse

    let configuration: ServerConfiguration
    let times: Times
    let counts: ConnectionCounts
    let budget: BodyBudget
    /// Also for bytes that are in `budget`.
    let longBudget: BodyBudget
    let handler: Handler
    let observe: @Sendable (ServerEvent) -> Void
    /// The context for a new TCP connection; nil for plain HTTP.
    let tls: (@Sendable () -> TLSContext)?
    let refusal: @Sendable (MalformedMessage) -> OutgoingResponse
    /// Runs an action on every loop.
    let onEachLoop: @Sendable (@escaping @Sendable (Worker) -> Void) -> Void

    init(
        _ configuration: ServerConfiguration, handler: @escaping Handler,
        tls: (@Sendable () -> TLSContext)?, observe: @escaping @Sendable (ServerEvent) -> Void,
        refusal: @escaping @Sendable (MalformedMessage) -> OutgoingResponse,
        onEachLoop: @escaping @Sendable (@escaping @Sendable (Worker) -> Void) -> Void
    ) {
        self.configuration = configuration
        times = Times(configuration)
        self.handler = handler
        self.tls = tls
        self.observe = observe
        self.refusal = refusal
        self.onEachLoop = onEachLoop
        counts = ConnectionCounts(
            most: configuration.connections, mostPerAddress: configuration.connectionsPerAddress,
            proxies: configuration.proxies + configuration.proxyProtocol)
        budget = BodyBudget(capacity: configuration.bodies)
        longBudget = BodyBudget(
            capacity: configuration.longBodies, mostPerSender: configuration.longBodiesPerSender)
    }

    /// Resumes accepting on every loop.
    func resume() { onEachLoop { $0.resumeAccepting() } }
}

/// A configuration's timeouts, in nanoseconds.
struct Times: Sendable {
    let tlsHandshake, head, body, write, idle, linger: UInt64
    /// For the first request of a connection to a stopping server.
    static let beginning: UInt64 = 1_000_000_000

    init(_ configuration: ServerConfiguration) {
        tlsHandshake = configuration.tlsHandshakeTimeout.nanoseconds
        head = configuration.headTimeout.nanoseconds
        body = configuration.bodyTimeout.nanoseconds
        write = configuration.writeTimeout.nanoseconds
        idle = configuration.idleTimeout.nanoseconds
        linger = configuration.lingerTimeout.nanoseconds
    }
}

/// A loop with its connections. Confined to the loop's thread.
final class Worker: Watched, @unchecked Sendable {
    let loop: EventLoop
    let service: Service
    private var acceptors: [Acceptor] = []
    let tlsHandshakes = TLSHandshakeQueue()
    private var connections: [ObjectIdentifier: Connection] = [:]
    var idle = IdleConnections()
    /// Whether an acceptor waits for a connection of this loop to end or to become idle.
    private var isPaused = false
    /// Running handlers.
    private var tasks = 0
    /// Whether each response is its connection's last.
    private(set) var closesConnections = false
    private(set) var isStopping = false
    private var onEmpty: (@Sendable () -> Void)?
    private var mayEnd = false

    init(_ loop: EventLoop, _ service: Service) {
        self.loop = loop
        self.service = service
    }

    private func session(_ socket: Int32, of listener: ListeningSocket) throws(TLSError) -> TLSSession? {
        guard listener.isTCP, !listener.isPlain, let context = service.tls?() else { return nil }
        return try TLSSession(context, accepting: socket)
    }

    func listen(_ sockets: [ListeningSocket]) {
        let tlsHandshakes = tlsHandshakes
        loop.betweenPolls = {
            tlsHandshakes.workForASlice()
            return !tlsHandshakes.isEmpty
        }
        acceptors = sockets.map { Acceptor($0, self) }
        for acceptor in acceptors { acceptor.watch() }
    }

    fileprivate func pausedAccepting() { isPaused = true }

    func resumeAccepting() {
        isPaused = false
        for acceptor in acceptors { acceptor.watch() }
    }

    /// Accepts what waits in the kernel, of which another loop was told.
    func lookAgain() { for acceptor in acceptors { acceptor.lookAgain() } }

    // MARK: Connections

    /// Begins to serve an accepted connection, for which there is a reservation.
    func take(_ socket: Int32, _ address: SocketAddress, of listener: ListeningSocket) {
        let peer = Peer(address, of: socket)
        guard service.counts.admit(peer.address) else {
            return drop(socket, resumes: service.counts.cancelReservation(), .connectionRefused(peer))
        }
        let tls: TLSSession?
        do { tls = try session(socket, of: listener) } catch {
            return drop(socket, resumes: service.counts.release(peer.address), .tlsHandshakeFailed(error, peer))
        }
        let connection = Connection(
            socket, peer, of: listener, tls,
            hasProxyHeader: listener.isTCP && service.configuration.proxyProtocol.contains(peer.address), self)
        let events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        guard loop.watch(socket, connection, events) else {
            let failure = SocketFailure("A connection cannot be watched", errno)
            return drop(socket, resumes: service.counts.release(peer.address), .acceptFailed(failure))
        }
        connections[ObjectIdentifier(connection)] = connection
        // Only now: a connection that was not admitted takes nobody's place.
        if service.counts.isOver { endLongestIdle() }
        service.observe(.connectionOpened)
        connection.start()
    }

    private func drop(_ socket: Int32, resumes: Bool, _ event: ServerEvent) {
        close(socket)
        if resumes { service.resume() }
        service.observe(event)
    }

    func becameIdle(_ connection: Connection) {
        idle.append(connection)
        if isPaused { resumeAccepting() }
    }

    /// Closes the connection that has waited longest between requests. One whose next request has come is served.
    private func endLongestIdle() {
        while service.counts.isOver, let connection = idle.first {
            connection.readAgain()
            guard idle.first === connection else { continue }
            connection.endIdle()
            service.observe(.idleConnectionClosed(connection.peer))
            return
        }
    }

    func ended(_ connection: Connection) {
        connections[ObjectIdentifier(connection)] = nil
        if service.counts.release(connection.peer.address) { service.resume() }
        service.observe(.connectionClosed)
        if isStopping, connections.isEmpty { becameEmpty() }
    }

    func taskBegan() { tasks += 1 }

    func taskEnded() {
        tasks -= 1
        endIfOver()
    }

    // MARK: Stopping

    func announceEnd() { closesConnections = true }

    /// - Parameters:
    ///   - time: the grace period, after which the remaining connections are cut.
    ///   - onEmpty: called once, when no connection is left.
    func stop(within time: Duration, onEmpty: @escaping @Sendable () -> Void) {
        (isStopping, closesConnections, self.onEmpty) = (true, true, onEmpty)
        for acceptor in acceptors { acceptor.endForGood() }
        acceptors = []
        for connection in Array(connections.values) { connection.stop() }
        guard !connections.isEmpty else { return becameEmpty() }
        loop.arm(self, at: loop.now + time.nanoseconds)
    }

    /// The grace period is over.
    override func timerFired(_ now: UInt64) {
        for connection in Array(connections.values) { connection.abandon() }
        becameEmpty()
    }

    private func becameEmpty() {
        onEmpty?()
        onEmpty = nil
        loop.disarm(self)
    }

    /// Ends the thread after the last handler.
    func endThread() {
        mayEnd = true
        endIfOver()
    }

    private func endIfOver() { if mayEnd, tasks == 0 { loop.stop() } }
}

/// A listening socket on one loop. Each loop has one for each socket, and the kernel wakes one of them.
private final class Acceptor: Watched {
    /// Connections accepted for one event. The rest wakes another loop.
    private static let atOnce = 8
    /// Before accepting is retried after the system gave no socket.
    private static let pause = Duration.milliseconds(100)

    private let socket: ListeningSocket
    private unowned let worker: Worker
    private var isWatching = false

    init(_ socket: ListeningSocket, _ worker: Worker) {
        self.socket = socket
        self.worker = worker
    }

    func watch() {
        guard !isWatching else { return }
        isWatching = worker.loop.watch(socket.socket, self, EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue)
    }

    func end() {
        worker.loop.forget(socket.socket, self)
        isWatching = false
    }

    /// Asks the kernel again whether connections wait: it wakes one loop only, which may have paused since.
    func lookAgain() {
        guard isWatching else { return }
        end()
        watch()
    }

    /// Accepts the connections that wait in the kernel, and ends listening.
    func endForGood() {
        while isWatching, accept() {}
        end()
        socket.endListening()
    }

    override func ready(_ events: UInt32) { _ = accept() }

    /// - Returns: whether more connections may wait.
    private func accept() -> Bool {
        for _ in 0..<Self.atOnce where isWatching {
            guard worker.service.counts.reserve(beyondLimit: worker.idle.first != nil) else {
                pause()
                return false
            }
            var address = SocketAddress()
            let accepted = address.write { kbs_accept(socket.socket, $0, $1) }
            guard accepted >= 0 else {
                let code = errno
                if worker.service.counts.cancelReservation() { worker.service.resume() }
                guard failed(code) else { return false }
                continue
            }
            worker.take(accepted, address, of: socket)
        }
        return isWatching
    }

    /// Stops accepting until a connection ends, or one of this loop becomes idle. Another loop may have an idle one.
    private func pause() {
        end()
        worker.pausedAccepting()
        if worker.service.counts.reportsPause() { worker.service.observe(.acceptingPaused) }
        worker.service.onEachLoop { $0.lookAgain() }
    }

    /// - Returns: whether another connection may wait.
    private func failed(_ code: Int32) -> Bool {
        switch code {
        // The connection ended before it was accepted.
        case ECONNABORTED, EPROTO, EINTR, EPERM, ENETDOWN, ENETUNREACH, EHOSTDOWN, EHOSTUNREACH: return true
        case EMFILE, ENFILE, ENOBUFS, ENOMEM:
            end()
            worker.loop.arm(self, at: worker.loop.now + Self.pause.nanoseconds)
            worker.service.observe(.acceptFailed(SocketFailure("No connection can be accepted", code)))
            return false
        default: return false
        }
    }

    override func timerFired(_ now: UInt64) { watch() }
}
