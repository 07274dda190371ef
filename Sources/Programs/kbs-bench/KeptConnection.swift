import Glibc
import HTTP
import TLS
import X509

/// A connection that stays open between requests, as cheap for this side as can be: what is measured is the server.
final class KeptConnection {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Where a connection goes.
    struct Target: Sendable {
        let port: Int
        /// nil: plain.
        let tls: TLSContext?

        init(_ server: ServerProcess) throws {
            port = server.port
            tls = try server.certificate.map { pem in
                let certificates = try X509Certificate.read(pem: pem, named: "the server's certificate")
                return try TLSContext(TLSClientConfiguration(.authorities(certificates)))
            }
        }
    }

    private let target: Target
    private let source: UInt32?
    private var descriptor: Int32 = -1
    private var session: TLSSession?
    private var buffer = [UInt8](repeating: 0, count: 16_384)
    /// Of the last answer.
    private(set) var fields = HTTPFields()
    private(set) var body: [UInt8] = []
    /// How often it was opened.
    private(set) var openings = 0

    /// - Parameter source: an address of 127.0.0.0/8 to come from.
    init(_ target: Target, from source: UInt32? = nil) { (self.target, self.source) = (target, source) }

    deinit { drop() }

    /// Sends a request and reads the answer; what was closed is opened first.
    ///
    /// - Parameter isWhole: false when the rest of the body never comes.
    /// - Returns: its status.
    @discardableResult
    func exchange(_ method: HTTPRequest.Method, _ request: [UInt8], isWhole: Bool = true) throws -> Int {
        if descriptor < 0 { try open() }
        let isWhole = send(request) && isWhole
        var reader = ResponseReader(to: method, longestBody: 1 << 20)
        while !reader.isComplete {
            let count = try receive()
            guard count > 0 else {
                try reader.end()
                break
            }
            try reader.read(buffer[..<count])
        }
        if !reader.keepsAlive || !isWhole { drop() }
        (fields, body) = (reader.response?.headerFields ?? HTTPFields(), reader.body)
        return reader.response?.status.code ?? 0
    }

    func open() throws {
        openings += 1
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            throw Failure(description: "no more sockets: \(String(cString: strerror(errno)))")
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        if let source, Self.with(source, 0, { bind(descriptor, $0, $1) }) != 0 {
            throw Failure(description: "bind: \(String(cString: strerror(errno)))")
        }
        guard Self.with(0x7F00_0001, target.port, { connect(descriptor, $0, $1) }) == 0 else {
            throw Failure(description: "connect: \(String(cString: strerror(errno)))")
        }
        guard let context = target.tls else { return }
        let session = try TLSSession(context, connecting: descriptor, to: "127.0.0.1")
        guard case .done = session.handshake() else { throw Failure(description: "the TLS handshake failed") }
        self.session = session
    }

    func drop() {
        session = nil
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// - Returns: whether all of it was taken.
    private func send(_ request: [UInt8]) -> Bool {
        request.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let piece = UnsafeRawBufferPointer(rebasing: rest)
                let count: Int
                if let session {
                    guard case .done(let written) = session.write(piece) else { return false }
                    count = written
                } else {
                    count = Glibc.send(descriptor, piece.baseAddress, piece.count, Int32(MSG_NOSIGNAL))
                }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }
    }

    private func receive() throws -> Int {
        try buffer.withUnsafeMutableBytes { bytes in
            if let session {
                switch session.read(into: bytes) {
                case .done(let count): return count
                case .closed: return 0
                default: throw Failure(description: "the connection broke off")
                }
            }
            let count = recv(descriptor, bytes.baseAddress, bytes.count, 0)
            guard count >= 0 else { throw Failure(description: "recv: \(String(cString: strerror(errno)))") }
            return count
        }
    }

    private static func with<R>(_ host: UInt32, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
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
}
