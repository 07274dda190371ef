import CEpoll
import Glibc
import HTTP

/// One client's connection: one request at a time, each with its deadlines. It is touched on its loop's thread only.
///
/// The socket is watched edge-triggered and never told otherwise: what may be read and written is remembered here, so
/// that a client that sends on, or hangs up, while its request is being answered costs nothing.
final class Connection: Watched, @unchecked Sendable {
    enum Phase {
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
    enum Awaited { case nothing, request, head, body, end }

    let worker: Worker
    let peer: Peer
    let socket: Int32
    /// Whether the kernel can throw bytes away without handing them over.
    private let canDiscard: Bool

    var phase = Phase.head
    /// What has come and was not read yet.
    var input: [UInt8] = []
    var reader: RequestReader
    var exchange: Exchange?
    /// Whether the socket may hold something to read.
    var mayRead = true
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
    var configuration: ServerConfiguration { worker.service.configuration }

    init(_ socket: Int32, _ peer: Peer, isTCP: Bool, _ worker: Worker) {
        self.socket = socket
        self.peer = peer
        self.worker = worker
        canDiscard = isTCP
        reader = RequestReader(worker.service.configuration.head)
    }

    func start() {
        expect(.head, within: configuration.headTimeout)
        advance()
    }

    // MARK: Events

    override func ready(_ events: UInt32) {
        let hasFailed = events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0
        if hasFailed || events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue) != 0 { mayRead = true }
        if hasFailed || events & EPOLLRDHUP.rawValue != 0 { hasPeerEnded = true }
        if hasFailed || events & EPOLLOUT.rawValue != 0 { mayWrite = true }
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
                if case .request = awaited { expect(.head, within: configuration.headTimeout) }
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
            switch receive(into: &input, atMost: Self.headPiece) {
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
        worker.service.observe(.malformed(fault, peer))
        input = []
        expect(.nothing)
        let response = worker.service.refusal(fault)
        var bytes: [UInt8] = []
        if (try? bytes.appendResponse(response, date: loop.date, framing: .ended)) != nil { output.append(bytes) }
        (phase, mustLinger, mustAdvance) = (.ending, true, true)
    }

    /// Removes what was read from the front of the input.
    func consume(_ count: Int) {
        // Most of the time it is all, and a connection that waits has no buffer.
        if count == input.count { input = [] } else { input.removeFirst(count) }
    }

    // MARK: Ending

    /// The last response has been written.
    private func linger() {
        guard !isDead, mustLinger || mayRead || !input.isEmpty else { return close() }
        phase = .lingering
        input = []
        lingerLeft = configuration.lingered
        shutdown(socket, Int32(SHUT_WR))
        expect(.end, within: configuration.lingerTimeout)
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
        if hasServed { close() } else { expect(.end, within: .seconds(1)) }
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

    func expect(_ what: Awaited, within time: Duration = .zero) {
        awaited = what
        if case .nothing = what { readDeadline = .max } else { readDeadline = loop.now + time.nanoseconds }
    }

    func expect(_ what: Awaited, until deadline: UInt64) { (awaited, readDeadline) = (what, deadline) }

    /// Some of the output was taken, or the client must take some from now on.
    func expectTaking() { writeDeadline = loop.now + configuration.writeTimeout.nanoseconds }

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
                worker.service.observe(.writeTimedOut(peer))
                cut()
            }
        }
        if phase != .closed, now >= readDeadline { readTimedOut() }
        armTimer()
    }

    private func readTimedOut() {
        switch awaited {
        case .nothing: readDeadline = .max
        case .request, .end: close()
        case .head:
            worker.service.observe(.headTimedOut(peer))
            cut()
        case .body:
            worker.service.observe(.bodyTimedOut(peer))
            cut()
        }
    }

    // MARK: The socket

    enum Received { case some(Int), nothing, end }

    /// Appends what the socket holds.
    func receive(into bytes: inout [UInt8], atMost count: Int) -> Received {
        guard mayRead else { return .nothing }
        var received = 0
        bytes.append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, initialized in
                received = recv(socket, buffer.baseAddress?.advanced(by: initialized), count, 0)
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
        return note(recv(socket, nil, count, Int32(MSG_TRUNC)), of: count)
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
        if received < 0, errno == EINTR { return .nothing }
        mayRead = false
        return .end
    }

    /// - Returns: how many bytes were taken; 0 when the socket is full, nil when it is broken.
    func send(_ bytes: ArraySlice<UInt8>, hasMore: Bool) -> Int? {
        let flags = Int32(MSG_NOSIGNAL) | (hasMore ? Int32(MSG_MORE) : 0)
        let sent = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, flags) }
        if sent >= 0 { return sent }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }
}

extension Duration {
    /// Not negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }
}
