import Glibc

/// A TCP connection whose calls wait, each until a deadline: for programs that have nothing else to do meanwhile.
///
/// One thread at a time may use it. The process must ignore SIGPIPE.
public final class BlockingConnection: @unchecked Sendable {
    private let socket: Int32
    /// Why the socket's own call has failed.
    private var failure: ConnectionError?
    /// TLS over it, once it was started.
    public private(set) var session: TLSSession?

    /// Takes over a connected socket, which is closed with this.
    public init(taking socket: Int32) {
        self.socket = socket
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    /// Connects to the first of a host's addresses that answers. The next one is tried as well whenever a quarter of a
    /// second has passed without an answer.
    ///
    /// - Parameter host: a name or an IP address.
    public convenience init(
        to host: String, port: UInt16, until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) {
        let addresses = try HostAddress.all(of: host, port, until: deadline)
        var race = ConnectionRace()
        self.init(taking: try race.winner(of: addresses, until: deadline))
    }

    deinit {
        session = nil
        close(socket)
    }

    /// Agrees on TLS, and on who is at the other end.
    ///
    /// - Parameter host: the name or address that the server's certificate must be for.
    public func startTLS(
        _ context: TLSContext, as host: String, until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) {
        try start(until: deadline) { () throws(TLSError) in try TLSSession(context, connecting: socket, to: host) }
    }

    /// Agrees on TLS as a server does.
    public func acceptTLS(_ context: TLSContext, until deadline: ContinuousClock.Instant) throws(ConnectionError) {
        try start(until: deadline) { () throws(TLSError) in try TLSSession(context, accepting: socket) }
    }

    private func start(
        until deadline: ContinuousClock.Instant, _ make: () throws(TLSError) -> TLSSession
    ) throws(ConnectionError) {
        let new: TLSSession
        do { new = try make() } catch { throw .tls(error) }
        session = new
        _ = try wait(until: deadline) { new.handshake() }
    }

    /// Reads what has come, at least a byte.
    ///
    /// - Returns: nothing when the other side has said that no more will come.
    public func read(atMost count: Int, until deadline: ContinuousClock.Instant) throws(ConnectionError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(count, 1))
        let read = try wait(until: deadline) {
            bytes.withUnsafeMutableBytes { buffer in
                if let session = self.session { return session.read(into: buffer) }
                let count = recv(self.socket, buffer.baseAddress, buffer.count, 0)
                return count == 0 ? .closed : self.step(count, .wantRead)
            }
        }
        return Array(bytes.prefix(read ?? 0))
    }

    /// Writes all of the bytes.
    public func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(ConnectionError) {
        var position = 0
        while position < bytes.count {
            let rest = bytes[position...]
            let written = try wait(until: deadline) {
                rest.withUnsafeBytes { buffer in
                    if let session = self.session { return session.write(buffer) }
                    return self.step(
                        send(self.socket, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL)), .wantWrite)
                }
            }
            guard let written else { throw .closed }
            position += written
        }
    }

    /// Says that no more will be written. The other side may still write.
    public func finishWriting() {
        _ = session?.shutdown()
        shutdown(socket, Int32(SHUT_WR))
    }

    private func step(_ result: Int, _ waiting: TLSStep) -> TLSStep {
        if result >= 0 { return .done(result) }
        let code = errno
        if code == EAGAIN || code == EINTR { return waiting }
        failure = ConnectionError(system: code)
        return .closed
    }

    /// Repeats a step until it is done.
    ///
    /// - Returns: nil at the end of what the other side has to say.
    private func wait(
        until deadline: ContinuousClock.Instant, _ body: () -> TLSStep
    ) throws(ConnectionError) -> Int? {
        while true {
            switch body() {
            case .done(let count): return count
            case .closed:
                if let failure { throw failure }
                return nil
            case .wantRead: try poll(POLLIN, until: deadline)
            case .wantWrite: try poll(POLLOUT, until: deadline)
            case .failed(let error):
                if error.kind == .closed, session?.isEstablished == true { throw .closed }
                throw .tls(error)
            }
        }
    }

    private func poll(_ events: Int32, until deadline: ContinuousClock.Instant) throws(ConnectionError) {
        var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
        guard Glibc.poll(&entry, 1, deadline.pollTime) >= 0 || errno == EINTR else {
            throw ConnectionError(system: errno)
        }
        guard ContinuousClock.now < deadline else { throw .time }
    }
}

extension ContinuousClock.Instant {
    /// What is left until then, as poll(2) takes it: milliseconds, rounded up.
    var pollTime: Int32 {
        let left = ContinuousClock.now.duration(to: self)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        return Int32(clamping: min(seconds, 1_000_000) * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
