import CEpoll
import Files
import Glibc
public import HTTP

/// A server's listening address.
public enum ListeningAddress: Sendable, Hashable, CustomStringConvertible {
    /// A name or an address, and a port; 0 for any free port.
    case tcp(host: String, port: UInt16)
    /// A socket in the file system. Its mode and group decide who may connect; nil: the process's group.
    case unix(path: String, mode: UInt32 = 0o660, group: UInt32? = nil)

    /// `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/kbs/kbs.sock`.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path, _, _): "unix:\(path)"
        }
    }
}

extension ListeningAddress {
    /// The IP address of a socket at this address; nil for a Unix socket.
    ///
    /// - Throws: ``SocketFailure`` when the name cannot be resolved.
    public func resolved() throws(SocketFailure) -> IPAddress? {
        guard case .tcp(let host, let port) = self else { return nil }
        return try SocketAddress(host: host, port: port).ip
    }
}

/// A socket that listens as soon as it is made: connections wait in its backlog until a server accepts them.
public final class ListeningSocket: Sendable {
    /// With its actual port.
    public let address: ListeningAddress
    /// Whether it is served without TLS, also by a server with TLS.
    let isPlain: Bool
    let socket: Int32
    let isTCP: Bool
    /// The identity of a Unix socket's file, to tell it from another server's at the same path.
    private let file: FileStatus.Identity?

    private static let backlog: Int32 = 4_096

    /// - Parameter isPlain: whether it is served without TLS, also by a server with TLS.
    /// - Throws: ``SocketFailure``, which names the address and the remedy.
    public init(_ address: ListeningAddress, isPlain: Bool = false) throws(SocketFailure) {
        self.isPlain = isPlain
        switch address {
        case .tcp(let host, let port):
            let system = try SocketAddress(host: host, port: port)
            socket = try Self.make(system.family)
            (isTCP, file) = (true, nil)
            do {
                self.address = .tcp(host: host, port: try Self.listen(socket, system, address) ?? port)
            } catch {
                close(socket)
                throw error
            }
        case .unix(let path, let mode, let group):
            guard let system = SocketAddress(path: path) else {
                throw SocketFailure("The path of \(address) is empty, or longer than the system takes: 107 bytes.")
            }
            try Self.removeStale(path, system)
            socket = try Self.make(AF_UNIX)
            (isTCP, self.address) = (false, address)
            do {
                file = try Self.listen(socket, at: path, system, mode, group)
            } catch {
                close(socket)
                throw error
            }
        }
    }

    deinit {
        removeFile()
        close(socket)
    }

    /// Refuses further connections, and removes a Unix socket's file.
    func endListening() {
        shutdown(socket, Int32(SHUT_RDWR))
        removeFile()
    }

    private func removeFile() {
        guard let file, case .unix(let path, _, _) = address, Self.identity(path) == file else { return }
        unlink(path)
    }

    private static func identity(_ path: String) -> FileStatus.Identity? {
        FileStatus.of(path, followingLinks: false)?.identity
    }

    private static func make(_ family: Int32) throws(SocketFailure) -> Int32 {
        let made = Glibc.socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw SocketFailure("A socket cannot be made", errno) }
        return made
    }

    // MARK: TCP

    /// - Returns: the port.
    private static func listen(
        _ socket: Int32, _ system: SocketAddress, _ address: ListeningAddress
    ) throws(SocketFailure) -> UInt16? {
        var one: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &one, size)
        // Accepted sockets inherit it. A response is written at once, so that Nagle's algorithm would only delay it.
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size)
        guard system.read({ bind(socket, $0, $1) }) == 0, Glibc.listen(socket, backlog) == 0 else {
            throw failure(errno, address)
        }
        var bound = SocketAddress()
        guard bound.write({ getsockname(socket, $0, $1) }) == 0 else { return nil }
        return bound.port.flatMap { UInt16(exactly: $0) }
    }

    private static func failure(_ code: Int32, _ address: ListeningAddress) -> SocketFailure {
        switch code {
        case EADDRINUSE:
            SocketFailure("\(address) is in use: another server, or another program, listens there.", explaining: code)
        case EADDRNOTAVAIL: SocketFailure("\(address) is not an address of this machine.", explaining: code)
        case EACCES:
            SocketFailure(
                "\(address) may not be listened on: ports under 1024 need the capability to bind them.",
                explaining: code)
        default: SocketFailure("\(address) cannot be listened on", code)
        }
    }

    // MARK: Unix sockets

    /// Binds with mode 0600, so that only the owner may connect until the socket has its group and mode.
    private static func listen(
        _ socket: Int32, at path: String, _ system: SocketAddress, _ mode: UInt32, _ group: UInt32?
    ) throws(SocketFailure) -> FileStatus.Identity? {
        fchmod(socket, 0o600)
        guard system.read({ bind(socket, $0, $1) }) == 0 else {
            throw SocketFailure("unix:\(path) cannot be made", errno)
        }
        let file = identity(path)
        if let group, chown(path, uid_t.max, group) != 0 {
            let failure = SocketFailure("unix:\(path) cannot be given to the group \(group)", errno)
            unlink(path)
            throw failure
        }
        guard chmod(path, mode & 0o777) == 0, Glibc.listen(socket, backlog) == 0 else {
            let failure = SocketFailure("unix:\(path) cannot be listened on", errno)
            unlink(path)
            throw failure
        }
        return file
    }

    /// Removes the socket of a server that crashed.
    private static func removeStale(_ path: String, _ system: SocketAddress) throws(SocketFailure) {
        guard let status = FileStatus.of(path, followingLinks: false) else { return }
        guard status.kind == .socket else {
            throw SocketFailure("unix:\(path) is there already, and is not a socket: name another path.")
        }
        let probe = try make(AF_UNIX)
        defer { close(probe) }
        let isRefused = system.read { connect(probe, $0, $1) } != 0 && errno == ECONNREFUSED
        guard isRefused else { throw SocketFailure("unix:\(path) is in use: another server listens there.") }
        guard unlink(path) == 0 else {
            throw SocketFailure("unix:\(path) was left behind by another server and cannot be removed", errno)
        }
    }
}
