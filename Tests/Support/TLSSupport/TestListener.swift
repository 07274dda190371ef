import Foundation
import Glibc
import TestSupport

/// Listens on loopback or a Unix socket, and has a thread of its own for each connection.
public final class TestListener: Sendable {
    public struct Failure: Error { public let code: Int32 }

    /// 0 for a Unix socket.
    public let port: UInt16
    private let loop: AcceptLoop
    private let path: String?

    /// On a free port of 127.0.0.1.
    ///
    /// - Parameter serve: gets each connected socket, which it must close.
    public init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
        // OpenSSL writes to connections that the other side has closed; the programs ignore this signal too.
        signal(SIGPIPE, SIG_IGN)
        path = nil
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listening, $0, size) == 0 && listen(listening, 64) == 0 && getsockname(listening, $0, &size) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard isBound else { throw Failure(code: errno) }
        loop = Self.accept(listening, serve)
    }

    /// On a Unix socket, whose path must be short.
    public init(path: String, _ serve: @escaping @Sendable (Int32) -> Void) throws {
        (self.path, port) = (path, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        let listening = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listening, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 && listen(listening, 64) == 0
            }
        }
        guard isBound else { throw Failure(code: errno) }
        loop = Self.accept(listening, serve)
    }

    /// A thread for each, so that one that waits holds up none.
    private static func accept(_ listening: Int32, _ serve: @escaping @Sendable (Int32) -> Void) -> AcceptLoop {
        AcceptLoop(listening) { connection in Thread.detachNewThread { serve(connection) } }
    }

    deinit { if let path { unlink(path) } }
}
