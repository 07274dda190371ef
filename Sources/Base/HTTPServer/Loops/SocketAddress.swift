import CEpoll
import Glibc
public import HTTP

/// A `sockaddr` of any family.
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    init() {}

    /// - Parameter host: a name, which is resolved, or an address.
    init(host: String, port: UInt16) throws(SocketFailure) {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, "\(port)", &hints, &found)
        defer { freeaddrinfo(found) }
        guard result == 0, let first = found?.pointee, let address = first.ai_addr else {
            let reason = result == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(result))
            throw SocketFailure("The address \(host) cannot be found: \(reason).")
        }
        length = first.ai_addrlen
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(first.ai_addrlen)))
        }
    }

    /// - Returns: nil for an empty path, or one that is too long.
    init?(path: String) {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            return nil
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        length = socklen_t(MemoryLayout<sockaddr_un>.size)
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: &address) { target.copyMemory(from: $0) }
        }
    }

    var family: Int32 { Int32(storage.ss_family) }

    /// nil for a Unix socket.
    var ip: IPAddress? {
        withUnsafeBytes(of: storage) { bytes in
            switch family {
            case AF_INET: IPAddress(bytes: bytes[4..<8])
            case AF_INET6: IPAddress(bytes: bytes[8..<24])
            default: nil
            }
        }
    }

    /// nil for a Unix socket.
    var port: Int? {
        guard family == AF_INET || family == AF_INET6 else { return nil }
        return withUnsafeBytes(of: storage) { Int($0[2]) << 8 | Int($0[3]) }
    }

    /// Calls a system function that reads an address.
    func read(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var copy = storage
        return withUnsafeMutablePointer(to: &copy) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(UnsafePointer($0), length) }
        }
    }

    /// Calls a system function that writes an address.
    mutating func write(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) -> Int32 {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                withUnsafeMutablePointer(to: &length) { body(address, $0) }
            }
        }
    }
}

/// The other end of a connection.
public struct Peer: Sendable, Hashable {
    /// nil over a Unix socket.
    public let address: IPAddress?
    /// The user at the other end of a Unix socket, by SO_PEERCRED.
    public let userID: UInt32?

    public init(address: IPAddress? = nil, userID: UInt32? = nil) {
        self.address = address
        self.userID = userID
    }

    init(_ address: SocketAddress, of socket: Int32) {
        if let ip = address.ip {
            self.init(address: ip)
            return
        }
        // struct ucred: process, user, group.
        var credentials: (Int32, UInt32, UInt32) = (0, .max, .max)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        let result = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size)
        self.init(userID: result == 0 ? credentials.1 : nil)
    }
}

extension Peer: CustomStringConvertible {
    /// For a log: `192.0.2.1`, `user 1000`.
    public var description: String {
        address.map { "\($0)" } ?? userID.map { "user \($0)" } ?? "unknown"
    }
}
