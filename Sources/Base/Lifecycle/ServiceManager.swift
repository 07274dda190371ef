import Glibc

/// Notifications to the service manager that started this program.
///
/// Source: sd_notify(3), systemd's "Readiness Protocol".
public struct ServiceManager: Sendable {
    /// The watchdog's interval; ``alive()`` must be called at least twice in it.
    public let watchdog: Duration?
    private let socket: String

    /// - Parameter environment: `NOTIFY_SOCKET` is the manager's socket (a path, or `@` and an abstract name);
    ///   `WATCHDOG_USEC` and `WATCHDOG_PID` are the watchdog's interval and process.
    /// - Returns: nil without a manager's socket.
    public init?(_ environment: [String: String]) {
        guard let socket = environment["NOTIFY_SOCKET"], socket.utf8.count > 1,
            socket.hasPrefix("/") || socket.hasPrefix("@")
        else { return nil }
        self.socket = socket
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        watchdog = isOurs && microseconds > 0 ? .microseconds(microseconds) : nil
    }

    /// The program is ready, for the first time or after ``reloading()``.
    public func ready(_ status: String) { send(["READY=1", Self.status(status)]) }

    /// Settings or certificates are being read again, until ``ready(_:)``.
    public func reloading() {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        send(["RELOADING=1", "MONOTONIC_USEC=\(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)"])
    }

    public func stopping(_ status: String) { send(["STOPPING=1", Self.status(status)]) }

    /// The text in `systemctl status`.
    public func say(_ status: String) { send([Self.status(status)]) }

    /// A sign of life for the watchdog.
    public func alive() { send(["WATCHDOG=1"]) }

    /// Without line feeds, which would begin another assignment.
    private static func status(_ text: String) -> String {
        "STATUS=" + text.map { $0.isNewline ? " " : String($0) }.joined()
    }

    /// Best effort: a failure is ignored.
    private func send(_ assignments: [String]) {
        let message = Array(assignments.joined(separator: "\n").utf8)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var name = Array(socket.utf8)
        let isAbstract = name.first == UInt8(ascii: "@")
        if isAbstract { name[0] = 0 }
        // A path is terminated by NUL, an abstract name by the address's length.
        let capacity = MemoryLayout.size(ofValue: address.sun_path) - (isAbstract ? 0 : 1)
        guard name.count <= capacity else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(
            (MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2) + name.count + (isAbstract ? 0 : 1))
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { destination in
                message.withUnsafeBytes { bytes in
                    _ = sendto(
                        descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL), destination, length)
                }
            }
        }
    }
}
