import Concurrency
import Glibc

/// A file descriptor for log lines.
///
/// A line is one write(2), under a lock, so that lines do not mix. A full pipe blocks the writer until its reader, such as
/// journald or Docker, reads.
public final class LogSink: Sendable {
    public static let standardError = LogSink(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let turn = Lock(())

    /// - Parameter descriptor: an open file, for as long as the sink is used.
    public init(descriptor: Int32) { self.descriptor = descriptor }

    /// - Parameter line: without a line feed.
    public func write(_ line: String) {
        var rest = (Array(line.utf8) + [UInt8(ascii: "\n")])[...]
        turn.withLock { _ in
            while !rest.isEmpty {
                let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                if written < 0, errno == EINTR { continue }
                // Another process may have made the shared descriptor non-blocking. A partial line would spoil the next.
                if written < 0, errno == EAGAIN {
                    var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&wanted, 1, -1)
                    continue
                }
                // A failure cannot be reported.
                guard written > 0 else { return }
                rest = rest.dropFirst(written)
            }
        }
    }
}
