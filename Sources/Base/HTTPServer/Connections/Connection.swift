import CEpoll
import Glibc
import HTTP
import TLS

/// One client's connection: one request at a time, each with its deadlines. Confined to its loop's thread.
///
/// The socket is watched edge-triggered, once for both directions, and its readiness is remembered here: a client that
/// sends more, or hangs up, while its request is being answered costs no system call.
final class Connection: Watched, @unchecked Sendable {
    enum Phase {
        /// A balancer's ``ProxyHeader`` is read.
        case proxy
        case tlsHandshake
        /// Between requests, or in a request's head.
        case head
        /// A request is received and answered.
        case exchange
        /// The last response is being written.
        case ending
        /// The write side is shut, and the client's bytes are discarded, so that it reads the response.
        case lingering
        case closed
    }

    /// The subject of the read deadline.
    enum Awaited { case nothing, tlsHandshake, request, head, body, end }

    let worker: Worker
    /// The other end, or the client that a balancer names.
    var peer: Peer
    let listener: ListeningAddress
    let socket: Int32
    /// Whether the kernel can discard bytes without copying them (TCP without TLS).
    private let canDiscard: Bool

    /// The received part of a ``ProxyHeader``.
    var proxyHeader: [UInt8] = []
    let tls: TLSSession?
    /// Set after the TLS handshake.
    var tlsPeer: TLSPeer?
    var isInTLSHandshakeQueue = false
    /// Whether the TLS handshake's next step begins with writing.
    var mustWriteTLSHandshake = false
    /// Whether the session can neither be read nor written any more.
    var isTLSBroken = false

    var phase: Phase
    /// Received bytes that have not been parsed.
    var input: [UInt8] = []
    var reader: RequestReader
    var exchange: Exchange?
    /// Whether the socket may hold bytes to read. Set by the first event.
    var mayRead = false
    /// Whether the client has shut its write side. Its earlier bytes remain to be read, and it may wait for a response.
    private var hasPeerEnded = false
    /// Whether nothing can be written any more.
    var isDead = false
    /// Whether a request has begun on this connection.
    var hasServed = false
    /// Whether the client may still be sending bytes that are not read.
    var mustLinger = false
    private var lingerLeft = 0

    var output = OutputQueue()
    var mayWrite = true
    private var awaited = Awaited.nothing
    /// The neighbours in the loop's ``IdleConnections``, while a request is awaited.
    var idleBefore, idleAfter: Connection?
    private var readDeadline = UInt64.max
    private var writeDeadline = UInt64.max
    private var isAdvancing = false
    var mustAdvance = false

    var loop: EventLoop { worker.loop }
    var service: Service { worker.service }

    init(
        _ socket: Int32, _ peer: Peer, of listener: ListeningSocket, _ tls: TLSSession?, hasProxyHeader: Bool,
        _ worker: Worker
    ) {
        self.socket = socket
        self.peer = peer
        self.listener = listener.address
        self.worker = worker
        self.tls = tls
        phase = hasProxyHeader ? .proxy : tls == nil ? .head : .tlsHandshake
        canDiscard = listener.isTCP && tls == nil
        reader = RequestReader(worker.service.configuration.head)
    }

    func start() {
        if case .proxy = phase { expect(.tlsHandshake, within: service.times.tlsHandshake) } else { begin() }
        advance()
    }

    /// Begins the TLS handshake, or the first request.
    func begin() {
        if tls == nil {
            phase = .head
            expect(.head, within: service.times.head)
        } else {
            phase = .tlsHandshake
            expect(.tlsHandshake, within: service.times.tlsHandshake)
        }
    }

    // MARK: Events

    override func ready(_ events: UInt32) {
        let hasFailed = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        if hasFailed || events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { mayRead = true }
        if hasFailed || events & EPOLLRDHUP.rawValue != 0 { hasPeerEnded = true }
        if hasFailed || events & EPOLLOUT.rawValue != 0 { mayWrite = true }
        // TLS may have to write in order to read, and to read in order to write.
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
            case .tlsHandshake: queueTLSHandshake()
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

    /// Reads what may have come since the loop's last poll.
    func readAgain() {
        mayRead = true
        advance()
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
            // A small piece: most of a body is received directly into its own buffer, or discarded.
            switch receiveInput(atMost: Self.headPiece) {
            case .some: break
            case .nothing:
                if worker.isStopping, input.isEmpty { endIdle() }
                return
            case .end: return close()
            }
        }
    }

    /// Answers a malformed request, and ends the connection.
    private func refuse(_ fault: MalformedMessage) {
        service.observe(.malformed(fault, peer))
        input = []
        expect(.nothing)
        let response = service.refusal(fault)
        var bytes: [UInt8] = []
        (phase, mustLinger, mustAdvance) = (.ending, true, true)
        if (try? bytes.appendHead(of: response, date: loop.date, closes: true)) != nil { emit(bytes + response.body) }
    }

    /// Removes parsed bytes from the input.
    func consume(_ count: Int) {
        // Mostly all of it, so that an idle connection has no buffer.
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

    /// Ends the connection at once.
    func cut() {
        guard phase != .closed else { return }
        shutdown(socket, Int32(SHUT_RDWR))
        hangUp()
    }

    /// Gives up reading and writing. A request that is being answered keeps the socket open until its handler has ended,
    /// so that no other connection gets its number meanwhile.
    func hangUp() {
        isDead = true
        output = OutputQueue()
        writeDeadline = .max
        expect(.nothing)
        guard let exchange, !exchange.hasResponse else { return close() }
        failCollecting(exchange)
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        expect(.nothing)
        if let exchange { finish(exchange) }
        (input, output) = ([], OutputQueue())
        loop.forget(socket, self)
        Glibc.close(socket)
        worker.ended(self)
    }

    /// Ends an idle connection. On a new one, a request may be on its way.
    func endIdle() {
        if hasServed {
            _ = tls?.shutdown()
            close()
        } else {
            expect(.end, within: Times.beginning)
        }
    }

    /// Closes an idle connection, and others after their response.
    func stop() {
        exchange?.closes = true
        if phase == .head { advance() }
    }

    /// Ends the connection and cancels the handler: the grace period is over.
    func abandon() {
        exchange?.task?.cancel()
        cut()
    }

    // MARK: Time

    /// Sets the read deadline.
    ///
    /// - Parameter time: in nanoseconds.
    func expect(_ awaited: Awaited, within time: UInt64 = 0) {
        if case .nothing = awaited { expect(awaited, until: .max) } else { expect(awaited, until: loop.now + time) }
    }

    func expect(_ awaited: Awaited, until deadline: UInt64) {
        if self.awaited == .request { worker.idle.remove(self) }
        (self.awaited, readDeadline) = (awaited, deadline)
        if awaited == .request { worker.becameIdle(self) }
    }

    func setWriteDeadline() { writeDeadline = loop.now + service.times.write }

    var hasWriteDeadline: Bool { writeDeadline != .max }

    func endWriteDeadline() { writeDeadline = .max }

    private func armTimer() {
        let next = min(readDeadline, writeDeadline)
        if phase != .closed, next != .max { loop.arm(self, at: next) }
    }

    override func timerFired(_ now: UInt64) {
        if now >= writeDeadline {
            if output.hasProgressed(socket) {
                setWriteDeadline()
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
        case .request: endIdle()
        case .end: close()
        case .tlsHandshake:
            service.observe(.tlsHandshakeTimedOut(peer))
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

    /// Appends the socket's bytes to the input.
    func receiveInput(atMost count: Int) -> Received {
        // Moved out: `receive` accesses self while it writes.
        var bytes = input
        input = []
        // A reader of TLS is asked for bytes that may not be there: the room made for them is not kept.
        defer { input = bytes.isEmpty ? [] : bytes }
        return receive(into: &bytes, atMost: count)
    }

    /// Appends the socket's bytes, decrypted.
    func receive(into bytes: inout [UInt8], atMost count: Int) -> Received {
        guard mayRead else { return .nothing }
        if let tls { return receive(tls, into: &bytes, atMost: count) }
        return receiveRaw(into: &bytes, atMost: count)
    }

    /// Appends the socket's bytes as they are.
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

    /// Discards the socket's bytes.
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
            // A short read has emptied the socket. An end of the client's side takes one more read.
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

    /// - Returns: the number of bytes sent; 0 when the socket is full, nil when it is broken.
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
    /// 0 for a negative duration.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
