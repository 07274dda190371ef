import Glibc

/// A TCP connection with blocking calls, each with a deadline.
///
/// One thread at a time may use it. The process must ignore SIGPIPE.
public final class BlockingConnection: @unchecked Sendable {
    private let socket: Int32
    /// The error of a failed call of the socket.
    private var failure: ConnectionError?
    /// TLS, once started.
    public private(set) var session: TLSSession?

    /// Takes ownership of a connected socket.
    public init(taking socket: Int32) {
        self.socket = socket
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK)
    }

    /// Connects to the first of a host's addresses that answers. After a quarter of a second without an answer, the next
    /// one is tried as well.
    ///
    /// - Parameters:
    ///   - host: a name or an IP address.
    ///   - turn: the index of the address to try first, counted round and round: an address that accepts connections and
    ///     does not answer would otherwise always win.
    public convenience init(
        to host: String, port: UInt16, beginningAt turn: Int = 0, until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) {
        let addresses = HostAddress.rotated(try HostAddress.all(of: host, port, until: deadline), by: turn)
        var race = ConnectionRace()
        self.init(taking: try race.winner(of: addresses, until: deadline))
    }

    deinit {
        session = nil
        close(socket)
    }

    /// Starts TLS as a client, and verifies the server.
    ///
    /// - Parameter host: the name or address for which the server's certificate must be valid.
    public func startTLS(
        _ context: TLSContext, as host: String, until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) {
        try start(until: deadline) { () throws(TLSError) in try TLSSession(context, connecting: socket, to: host) }
    }

    /// Starts TLS as a server.
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

    /// Reads at least one byte.
    ///
    /// - Returns: no bytes at the end.
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

    /// Ends writing. The other side may still write.
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
    /// - Returns: nil at the end.
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
    /// The remaining time for poll(2), in milliseconds, rounded up.
    var pollTime: Int32 {
        let left = ContinuousClock.now.duration(to: self)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        return Int32(clamping: min(seconds, 1_000_000) * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}
