import Concurrency
import Dispatch
import Foundation
import Glibc

/// A connection on which a test says exactly what it likes, byte by byte. It blocks a thread of its own, so that no task
/// waits for it; what does not come within ``patience`` does not come.
public final class TestSocket: Sendable {
    public struct Failure: Error { public let code: Int32 }

    /// Long: a busy machine may let the other side wait.
    public static let patience = Duration.seconds(300)

    private let descriptor: Int32
    private let reading = DispatchQueue(label: "kbs.test.reading")
    private let writing = DispatchQueue(label: "kbs.test.writing")

    /// One that is connected. It is closed with this.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        Self.limit(descriptor)
    }

    deinit { close(descriptor) }

    private static func limit(_ descriptor: Int32) {
        var limit = timeval(tv_sec: Int(patience / .seconds(1)), tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
    }

    /// To a port of this machine.
    ///
    /// - Parameters:
    ///   - source: an address of 127.0.0.0/8 to come from.
    ///   - receiveBuffer: in bytes; a small one makes a slow reader.
    public init(_ port: Int, from source: UInt32? = nil, receiveBuffer: Int? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if var size = receiveBuffer.map({ Int32($0) }) { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        Self.limit(descriptor)
        if let source, Self.withLoopback(source, 0, { bind(descriptor, $0, $1) }) != 0 { throw Failure(code: errno) }
        guard Self.withLoopback(0x7F00_0001, port, { connect(descriptor, $0, $1) }) == 0 else {
            throw Failure(code: errno)
        }
    }

    /// To a Unix socket.
    public init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure(code: errno) }
    }

    static func withLoopback<R>(
        _ host: UInt32, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = host.bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    // MARK: Sending

    public func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    public func send(_ bytes: [UInt8]) async throws {
        let code: Int32 = await withCheckedContinuation { continuation in
            writing.async { [self] in continuation.resume(returning: sendAll(bytes)) }
        }
        guard code == 0 else { throw Failure(code: code) }
    }

    private func sendAll(_ bytes: [UInt8]) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return 0
    }

    /// Sends it several times, with a pause after each, at its own pace: however busy the tests' tasks are.
    public func send(_ text: String, times: Int, every pause: Duration) async throws {
        let code: Int32 = await withCheckedContinuation { continuation in
            writing.async { [self] in
                for _ in 0..<times {
                    let code = sendAll(Array(text.utf8))
                    if code != 0 { return continuation.resume(returning: code) }
                    usleep(UInt32(pause / .microseconds(1)))
                }
                continuation.resume(returning: 0)
            }
        }
        guard code == 0 else { throw Failure(code: code) }
    }

    /// Sends it again and again, until the task is cancelled or the other side closes.
    public func trickle(_ text: String, every pause: Duration = .milliseconds(100)) -> Task<Void, any Error> {
        Task { [self] in
            while !Task.isCancelled {
                try await Task.sleep(for: pause)
                try await send(text)
            }
        }
    }

    /// Ends this side: the other one reads an end, and may still answer.
    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends the connection as if it were broken.
    public func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        // The number stays taken until this object goes.
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(null, descriptor)
        close(null)
    }

    // MARK: Receiving

    /// What comes next; nil when the other side has closed, or broken off.
    public func receiveBytes(atMost count: Int = 65_536) async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            reading.async { [self] in
                var bytes = [UInt8](repeating: 0, count: count)
                let received = recv(descriptor, &bytes, count, 0)
                continuation.resume(returning: received > 0 ? Array(bytes.prefix(received)) : nil)
            }
        }
    }

    /// What comes next; nil when the other side has closed.
    public func receive() async -> String? { await receiveBytes().map { String(decoding: $0, as: UTF8.self) } }

    /// What comes until the text is there, or the other side closes.
    public func receive(until end: String) async -> String {
        var all: [UInt8] = []
        while !all.ends(in: end, within: 65_536), let next = await receiveBytes() { all += next }
        return String(decoding: all, as: UTF8.self)
    }

    /// Everything until the other side closes.
    public func receiveRest() async -> String {
        var all: [UInt8] = []
        while let next = await receiveBytes() { all += next }
        return String(decoding: all, as: UTF8.self)
    }

    /// How many bytes come until the other side closes.
    public func receiveAll() async -> Int {
        var count = 0
        while let next = await receiveBytes() { count += next.count }
        return count
    }

    /// What comes until the text is there, or the other side closes. Then a text is sent at once, before the tests' tasks
    /// have their turn again.
    ///
    /// - Parameters:
    ///   - end: `nil` to wait for the other side to close.
    ///   - other: the connection to send on; otherwise this one.
    public func receive(until end: String?, thenSend text: String, on other: TestSocket? = nil) async -> String {
        await withCheckedContinuation { continuation in
            reading.async { [self] in
                var (all, bytes) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
                while !(end.map { all.ends(in: $0, within: 65_536) } ?? false),
                    case let received = recv(descriptor, &bytes, bytes.count, 0), received > 0
                { all += bytes.prefix(received) }
                _ = (other ?? self).sendAll(Array(text.utf8))
                continuation.resume(returning: String(decoding: all, as: UTF8.self))
            }
        }
    }

    /// How many bytes come until the other side closes, when they are taken at a pace of so many a second: on the
    /// connection's own thread, however busy the tests' tasks are.
    public func receiveAll(perSecond pace: Int) async -> Int {
        await withCheckedContinuation { continuation in
            reading.async { [self] in
                let begun = ContinuousClock.now
                var (all, bytes) = (0, [UInt8](repeating: 0, count: 65_536))
                while true {
                    let count = recv(descriptor, &bytes, bytes.count, 0)
                    guard count > 0 else { return continuation.resume(returning: all) }
                    all += count
                    let early = Duration.seconds(Double(all) / Double(pace)) - begun.duration(to: .now)
                    if early > .zero { usleep(UInt32(early / .microseconds(1))) }
                }
            }
        }
    }

    /// The code with which the connection broke off; 0 for one that ended as it should.
    public var pendingError: Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return code
    }
}

extension [UInt8] {
    /// Whether the text stands in the last piece that came, or across its beginning.
    func ends(in text: String, within piece: Int) -> Bool {
        String(decoding: suffix(piece + text.utf8.count), as: UTF8.self).contains(text)
    }
}
