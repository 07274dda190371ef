import Concurrency
import Foundation
import Glibc
import TLSSupport

/// A server in plain sockets, on loopback or a Unix socket, that answers exactly the bytes that a test gives it.
final class StandIn: Sendable {
    /// One connection, on a thread of its own.
    final class Connection: Sendable {
        let descriptor: Int32
        /// How many connections came before it.
        let number: Int
        private let pending = Lock<[UInt8]>([])

        init(_ descriptor: Int32, _ number: Int) { (self.descriptor, self.number) = (descriptor, number) }

        /// The next bytes; none at the end.
        func read() -> [UInt8] {
            let kept = pending.withLock { pending in
                defer { pending = [] }
                return pending
            }
            guard kept.isEmpty else { return kept }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return Array(buffer.prefix(max(count, 0)))
        }

        /// A request's head, with the empty line, as text; nil at the end.
        func head() -> String? {
            var bytes: [UInt8] = []
            let end = Array("\r\n\r\n".utf8)
            while true {
                if let range = bytes.firstRange(of: end) {
                    let rest = Array(bytes[range.upperBound...])
                    pending.withLock { $0 = rest }
                    return String(decoding: bytes[..<range.upperBound], as: UTF8.self)
                }
                let more = read()
                guard !more.isEmpty else { return nil }
                bytes += more
            }
        }

        func body(_ count: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count {
                let more = read()
                guard !more.isEmpty else { break }
                bytes += more
            }
            return bytes
        }

        /// - Returns: false when the client has gone.
        @discardableResult func write(_ text: String) -> Bool { write(Array(text.utf8)) }

        @discardableResult func write(_ bytes: [UInt8]) -> Bool {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard count > 0 else { return false }
                rest = rest.dropFirst(count)
            }
            return true
        }

        /// Waits until the client has gone.
        func waitForEnd() { while !read().isEmpty {} }
    }

    /// What came, on all connections.
    final class Record: Sendable {
        private let seen = Lock((heads: [String](), connections: 0))

        /// Heads, in the order in which they came.
        var heads: [String] { seen.withLock { $0.heads } }

        func note(_ head: String) { seen.withLock { $0.heads.append(head) } }

        fileprivate func nextNumber() -> Int {
            seen.withLock { seen in
                defer { seen.connections += 1 }
                return seen.connections
            }
        }

        /// Answers each request of a connection. Bodies are read as `Content-Length` says.
        func serve(_ connection: Connection, _ answer: (_ head: String) -> String) {
            while let head = connection.head() {
                note(head)
                let length = head.split(separator: "\r\n").lazy
                    .compactMap { line in
                        line.lowercased().hasPrefix("content-length:")
                            ? Int(line.dropFirst(15).trimmingCharacters(in: .whitespaces)) : nil
                    }
                    .first
                if let length { _ = connection.body(length) }
                guard connection.write(answer(head)) else { return }
            }
        }
    }

    private let listener: TestListener
    private let record: Record

    var port: Int { Int(listener.port) }
    var heads: [String] { record.heads }
    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameters:
    ///   - socket: the path of a Unix socket, in the place of a port.
    ///   - serve: has a connection, which is closed when it returns.
    init(socket path: String? = nil, _ serve: @escaping @Sendable (Record, Connection) -> Void) throws {
        let record = Record()
        self.record = record
        let accept: @Sendable (Int32) -> Void = { descriptor in
            serve(record, Connection(descriptor, record.nextNumber()))
            close(descriptor)
        }
        listener = try path.map { try TestListener(path: $0, accept) } ?? TestListener(accept)
    }

    /// Answers each request of each connection with these bytes.
    static func answering(_ answer: String) throws -> StandIn { try StandIn { $0.serve($1) { _ in answer } } }
}

func ok(_ body: String = "", _ fields: String = "") -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
