import Concurrency
import Foundation

/// Stands between clients and a server on loopback. It cuts, or holds up, what goes through when it is told to.
public final class TCPProxy: Sendable {
    /// What becomes of a piece.
    public enum Treatment: Sendable {
        case pass
        /// It is thrown away, and both connections are closed.
        case cut
        /// It is thrown away and nobody is told, as by a network that is down.
        case swallow
    }

    public enum Direction: Sendable, Hashable { case toServer, toClient }

    /// Decides on each piece, on any thread.
    public struct Rule: Sendable {
        let decide: @Sendable (Direction, [UInt8]) -> Treatment

        public init(_ decide: @escaping @Sendable (Direction, [UInt8]) -> Treatment) { self.decide = decide }

        public static let pass = Rule { _, _ in .pass }
        public static let cut = Rule { _, _ in .cut }
        public static let swallow = Rule { _, _ in .swallow }
    }

    public struct Failure: Error {}

    public let port: Int
    private let rule: Lock<Rule>
    private let loop: AcceptLoop

    /// - Parameter port: the server's, on 127.0.0.1.
    public init(to port: Int) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure() }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        let rule = Lock(Rule.pass)
        self.rule = rule
        loop = AcceptLoop(listener) { Self.connect($0, to: port, rule) }
    }

    /// For what goes through from now on.
    public func set(_ new: Rule) { rule.withLock { $0 = new } }

    private static func connect(_ client: Int32, to port: Int, _ rule: Lock<Rule>) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(port)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else {
            close(client)
            close(server)
            return
        }
        let pair = Pair(client: client, server: server)
        for direction in [Direction.toServer, .toClient] {
            Thread.detachNewThread { carry(direction, pair, rule) }
        }
    }

    private static func carry(_ direction: Direction, _ pair: Pair, _ rule: Lock<Rule>) {
        let (from, to) = direction == .toServer ? (pair.client, pair.server) : (pair.server, pair.client)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(from, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            let piece = Array(buffer[..<count])
            switch rule.withLock({ $0 }).decide(direction, piece) {
            case .pass:
                var sent = 0
                while sent < count {
                    let more = piece[sent...].withUnsafeBytes {
                        send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    guard more > 0 else { return pair.end() }
                    sent += more
                }
            case .cut: return pair.end()
            case .swallow: break
            }
        }
        // Nor does anybody hear over a network that is down that the other has hung up.
        if case .swallow = rule.withLock({ $0 }).decide(direction, []) { return }
        pair.end()
    }

    /// The two are closed when neither thread uses them any more.
    private final class Pair: Sendable {
        let client: Int32
        let server: Int32

        init(client: Int32, server: Int32) { (self.client, self.server) = (client, server) }

        func end() { for descriptor in [client, server] { shutdown(descriptor, Int32(SHUT_RDWR)) } }

        deinit { for descriptor in [client, server] { close(descriptor) } }
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(clamping: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
