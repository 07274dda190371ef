import Glibc

/// Connects to several addresses, started one after another, and keeps the first that answers.
/// Source: RFC 8305, section 5.
struct ConnectionRace: ~Copyable {
    /// Between the starts of two attempts.
    private static let pause = Duration.milliseconds(250)

    private var sockets: [Int32] = []
    private var failure = ConnectionError.name

    deinit { for socket in sockets { close(socket) } }

    /// - Returns: a connected, non-blocking socket, owned by the caller.
    mutating func winner(
        of addresses: [HostAddress], until deadline: ContinuousClock.Instant
    ) throws(ConnectionError) -> Int32 {
        for (index, address) in addresses.enumerated() {
            if let socket = start(address) { return socket }
            let isLast = index == addresses.count - 1
            let next = isLast ? deadline : min(deadline, ContinuousClock.now.advanced(by: Self.pause))
            if let socket = try wait(until: next) { return socket }
        }
        guard sockets.isEmpty else { throw .time }
        throw failure
    }

    /// - Returns: the socket, if it is connected at once.
    private mutating func start(_ address: HostAddress) -> Int32? {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(address.family, type, 0)
        guard socket >= 0 else {
            failure = ConnectionError(system: errno)
            return nil
        }
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        if address.withPointer({ connect(socket, $0, $1) }) == 0 { return socket }
        guard errno == EINPROGRESS else {
            failure = ConnectionError(system: errno)
            close(socket)
            return nil
        }
        sockets.append(socket)
        return nil
    }

    /// - Returns: the first connected socket; nil when all have failed, or at the deadline.
    private mutating func wait(until time: ContinuousClock.Instant) throws(ConnectionError) -> Int32? {
        while !sockets.isEmpty {
            var entries = sockets.map { pollfd(fd: $0, events: Int16(POLLOUT), revents: 0) }
            let count = poll(&entries, nfds_t(entries.count), time.pollTime)
            guard count >= 0 || errno == EINTR else { throw ConnectionError(system: errno) }
            for entry in entries where count > 0 && entry.revents != 0 {
                sockets.removeAll { $0 == entry.fd }
                var (code, size): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
                getsockopt(entry.fd, SOL_SOCKET, SO_ERROR, &code, &size)
                if code == 0 { return entry.fd }
                failure = ConnectionError(system: code)
                close(entry.fd)
            }
            if ContinuousClock.now >= time { return nil }
        }
        return nil
    }
}
