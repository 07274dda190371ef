import CEpoll
import Glibc
import HTTP
import TLS

/// One client's connection: one request at a time, each with its deadlines. It is touched on its loop's thread only.
///
/// The socket is watched edge-triggered and never told otherwise: what may be read and written is remembered here, so
/// that a client that sends on, or hangs up, while its request is being answered costs nothing.
final class Connection: Watched, @unchecked Sendable {
    enum Phase {
        /// A balancer is about to say whose connection it is.
        case proxy
        /// TLS is being agreed on.
        case handshake
        /// Between requests, or in a request's head.
        case head
        /// A request is read and answered.
        case exchange
        /// The last response is being written.
        case ending
        /// The write side is shut, and what the client still sends is thrown away, so that it reads the response.
        case lingering
        case closed
    }

    /// What is waited for from the client, and for how long.
    enum Awaited { case nothing, handshake, request, head, body, end }

    let worker: Worker
    /// Whoever connected, or for whom a balancer did.
    var peer: Peer
    /// Of the socket that it came to.
    let listener: ListeningAddress
    let socket: Int32
    /// Whether the kernel can throw bytes away without handing them over.
    private let canDiscard: Bool

    /// What has come of what a balancer says of the client.
    var proxyHeader: [UInt8] = []
    let tls: TLSSession?
    /// What a request may know of TLS.
    var tlsPeer: TLSPeer?
    /// Whether the next step of the handshake waits for its turn.
    var isWaitingForTurn = false
    /// Whether that step has something to write first.
    var mustWriteHandshake = false
    /// Whether nothing can be read or written through it any more.
    var isTLSBroken = false

    var phase: Phase
    /// What has come and was not read yet.
    var input: [UInt8] = []
    var reader: RequestReader
    var exchange: Exchange?
    /// Whether the socket may hold something to read. The first event says so.
    var mayRead = false
    /// Whether the client has ended its side: what it sent before is still to be read, and it may wait for an answer.
    private var hasPeerEnded = false
    /// Whether nothing can be written any more.
    var isDead = false
    /// Whether a request has been answered on it.
    var hasServed = false
    /// Whether the client may still be sending what nobody reads.
    var mustLinger = false
    private var lingerLeft = 0

    var output = OutputQueue()
    var mayWrite = true
    private var awaited = Awaited.nothing
    private var readDeadline = UInt64.max
    private var writeDeadline = UInt64.max
    private var isAdvancing = false
    var mustAdvance = false

    var loop: EventLoop { worker.loop }
    var service: Service { worker.service }

    /// - Parameter saysWho: whether it begins with a ``ProxyHeader``.
    init(
        _ socket: Int32, _ peer: Peer, of listener: ListeningSocket, _ tls: TLSSession?, saysWho: Bool,
        _ worker: Worker
    ) {
        self.socket = socket
        self.peer = peer
        self.listener = listener.address
        self.worker = worker
        self.tls = tls
        phase = saysWho ? .proxy : tls == nil ? .head : .handshake
        canDiscard = listener.isTCP && tls == nil
        reader = RequestReader(worker.service.configuration.head)
    }

    func start() {
        if case .proxy = phase { expect(.handshake, within: service.times.handshake) } else { begin() }
        advance()
    }

    /// What the client itself sends is next.
    func begin() {
        if tls == nil {
            phase = .head
            expect(.head, within: service.times.head)
        } else {
            phase = .handshake
            expect(.handshake, within: service.times.handshake)
        }
    }

    // MARK: Events

    override func ready(_ events: UInt32) {
        let hasFailed = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        if hasFailed || events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { mayRead = true }
        if hasFailed || events & EPOLLRDHUP.rawValue != 0 { hasPeerEnded = true }
        if hasFailed || events & EPOLLOUT.rawValue != 0 { mayWrite = true }
        // TLS may have to write in order to read, and the other way round.
        if tls != nil { (mayRead, mayWrite) = (true, true) }
        if hasFailed, phase == .exchange {
            hangUp()
            return
        }
        advance()
    }

    /// Does what can be done without waiting.
    func advance() {
        guard !isAdvancing else {
            mustAdvance = true
            return
        }
        isAdvancing = true
        repeat {
            mustAdvance = false
            if mayWrite, !output.isEmpty { flush() }
            switch phase {
            case .proxy: readProxyHeader()
            case .handshake: shakeHands()
            case .head: readHead()
            case .exchange: goOnWithExchange()
            case .ending: if output.isEmpty { linger() }
            case .lingering: discardRest()
            case .closed: break
            }
        } while mustAdvance
        isAdvancing = false
        armTimer()
    }

    // MARK: Requests' heads

    private static let headPiece = 4_096

    private func readHead() {
        while phase == .head {
            if !input.isEmpty {
                if case .request = awaited { expect(.head, within: service.times.head) }
                do {
                    if let (head, end) = try reader.read(input) {
                        consume(end)
                        return begin(head)
                    }
                } catch {
                    return refuse(error)
                }
            }
            // Not more than a head takes: a body goes where it is collected, or nowhere.
            switch receiveInput(atMost: Self.headPiece) {
            case .some: break
            case .nothing:
                if worker.isStopping, input.isEmpty { endIdle() }
                return
            case .end: return close()
            }
        }
    }

    /// Answers what is no request, and ends the connection.
    private func refuse(_ fault: MalformedMessage) {
        service.observe(.malformed(fault, peer))
        input = []
        expect(.nothing)
        let response = service.refusal(fault)
        var bytes: [UInt8] = []
        (phase, mustLinger, mustAdvance) = (.ending, true, true)
        if (try? bytes.appendResponse(response, date: loop.date, framing: .ended)) != nil { emit(bytes) }
    }

    /// Removes what was read from the front of the input.
    func consume(_ count: Int) {
        // Most of the time it is all, and a connection that waits has no buffer.
        if count == input.count { input = [] } else { input.removeFirst(count) }
    }

    // MARK: Ending

    /// The last response has been written.
    private func linger() {
        guard !isDead else { return close() }
        if !mustLinger, input.isEmpty, case .nothing = receiveInput(atMost: 1) {
            _ = tls?.shutdown()
            return close()
        }
        phase = .lingering
        input = []
        lingerLeft = service.configuration.lingered
        _ = tls?.shutdown()
        shutdown(socket, Int32(SHUT_WR))
        expect(.end, within: service.times.linger)
        mustAdvance = true
    }

    private func discardRest() {
        while mayRead {
            switch discard(min(lingerLeft, 262_144)) {
            case .some(let count):
                lingerLeft -= count
                if lingerLeft <= 0 { return close() }
            case .nothing: return
            case .end: return close()
            }
        }
    }

    /// Ends the connection at once, for what the client did or did not do.
    func cut() {
        guard phase != .closed else { return }
        shutdown(socket, Int32(SHUT_RDWR))
        hangUp()
    }

    /// Nothing can be read or written any more. A request that is being answered keeps the socket until it has ended,
    /// so that no other connection gets its number meanwhile.
    func hangUp() {
        isDead = true
        output = OutputQueue()
        writeDeadline = .max
        expect(.nothing)
        guard let exchange, exchange.response != .complete else { return close() }
        failWaiting(exchange)
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        if let exchange { finish(exchange) }
        (input, output) = ([], OutputQueue())
        loop.forget(socket, self)
        Glibc.close(socket)
        worker.ended(self)
    }

    /// On a connection that has just begun the request may be on its way.
    private func endIdle() {
        if hasServed {
            _ = tls?.shutdown()
            close()
        } else {
            expect(.end, within: Times.beginning)
        }
    }

    /// The server ends: a connection on which nothing is asked is closed, the others after their response.
    func stop() {
        exchange?.closes = true
        if phase == .head { advance() }
    }

    /// The time for stopping is over.
    func abandon() {
        exchange?.task?.cancel()
        cut()
    }

    // MARK: Time

    /// - Parameter time: in nanoseconds.
    func expect(_ what: Awaited, within time: UInt64 = 0) {
        awaited = what
        if case .nothing = what { readDeadline = .max } else { readDeadline = loop.now + time }
    }

    func expect(_ what: Awaited, until deadline: UInt64) { (awaited, readDeadline) = (what, deadline) }

    /// Some of the output was taken, or the client must take some from now on.
    func expectTaking() { writeDeadline = loop.now + service.times.write }

    var isWaitingForTaking: Bool { writeDeadline != .max }

    func expectNoTaking() { writeDeadline = .max }

    private func armTimer() {
        let next = min(readDeadline, writeDeadline)
        if phase != .closed, next != .max { loop.arm(self, at: next) }
    }

    override func timeCame(_ now: UInt64) {
        if now >= writeDeadline {
            if output.hasProgressed(socket) {
                expectTaking()
            } else {
                service.observe(.writeTimedOut(peer))
                cut()
            }
        }
        if phase != .closed, now >= readDeadline { readTimedOut() }
        armTimer()
    }

    private func readTimedOut() {
        switch awaited {
        case .nothing: readDeadline = .max
        case .request:
            _ = tls?.shutdown()
            close()
        case .end: close()
        case .handshake:
            service.observe(.handshakeTimedOut(peer))
            cut()
        case .head:
            service.observe(.headTimedOut(peer))
            cut()
        case .body:
            service.observe(.bodyTimedOut(peer))
            cut()
        }
    }

    // MARK: The socket

    enum Received { case some(Int), nothing, end }

    /// Appends what the socket holds to the input.
    func receiveInput(atMost count: Int) -> Received {
        // Taken out meanwhile, so that it is one access after another.
        var bytes = input
        input = []
        defer { input = bytes }
        return receive(into: &bytes, atMost: count)
    }

    /// Appends what the socket holds.
    func receive(into bytes: inout [UInt8], atMost count: Int) -> Received {
        guard mayRead else { return .nothing }
        if let tls { return receive(tls, into: &bytes, atMost: count) }
        return receiveRaw(into: &bytes, atMost: count)
    }

    /// Appends what the socket holds, before TLS.
    func receiveRaw(into bytes: inout [UInt8], atMost count: Int) -> Received {
        guard mayRead else { return .nothing }
        var received = 0
        bytes.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                repeat {
                    received = recv(socket, buffer.baseAddress?.advanced(by: initialized), count, 0)
                } while received < 0 && errno == EINTR
                initialized += max(0, received)
            }
        }
        return note(received, of: count)
    }

    /// Throws away what the socket holds.
    func discard(_ count: Int) -> Received {
        guard mayRead else { return .nothing }
        guard canDiscard else {
            var bytes: [UInt8] = []
            return receive(into: &bytes, atMost: min(count, 16_384))
        }
        var received = 0
        repeat { received = recv(socket, nil, count, Int32(MSG_TRUNC)) } while received < 0 && errno == EINTR
        return note(received, of: count)
    }

    private func note(_ received: Int, of wanted: Int) -> Received {
        if received > 0 {
            // Less than was wanted is all there was. That the client has ended its side is read in one step more.
            if received < wanted { mayRead = hasPeerEnded }
            return .some(received)
        }
        if received < 0, errno == EAGAIN {
            mayRead = false
            return .nothing
        }
        mayRead = false
        return .end
    }

    /// - Returns: how many bytes were taken; 0 when the socket is full, nil when it is broken.
    func send(_ bytes: ArraySlice<UInt8>, hasMore: Bool) -> Int? {
        if let tls { return send(bytes, tls) }
        let flags = Int32(MSG_NOSIGNAL) | (hasMore ? Int32(MSG_MORE) : 0)
        var sent = 0
        bytes.withUnsafeBytes { buffer in
            repeat {
                sent = Glibc.send(socket, buffer.baseAddress, buffer.count, flags)
            } while sent < 0 && errno == EINTR
        }
        if sent >= 0 { return sent }
        return errno == EAGAIN ? 0 : nil
    }
}

extension Duration {
    /// Not negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
