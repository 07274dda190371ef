import Dispatch
import Glibc
public import TLS
import X509

/// A client's connection over TLS, on a thread of its own: no task waits for it.
public final class TLSTestSocket: Sendable {
    private let connection: BlockingConnection
    private let queue = DispatchQueue(label: "kbs.test.tls")

    /// Connects to a port of this machine, and shakes hands.
    ///
    /// - Throws: `ConnectionError`.
    public static func connect(_ port: Int, _ context: TLSContext) async throws -> TLSTestSocket {
        signal(SIGPIPE, SIG_IGN)
        let queue = DispatchQueue(label: "kbs.test.tls.connecting")
        let connection = try await run(on: queue) {
            let deadline = ContinuousClock.now.advanced(by: TestSocket.patience)
            let connection = try BlockingConnection(to: "127.0.0.1", port: UInt16(clamping: port), until: deadline)
            try connection.startTLS(context, as: "127.0.0.1", until: deadline)
            return connection
        }
        return TLSTestSocket(connection)
    }

    private init(_ connection: BlockingConnection) { self.connection = connection }

    private static func run<R: Sendable>(
        on queue: DispatchQueue, _ body: @escaping @Sendable () throws -> R
    ) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try body() }) }
        }
    }

    /// DER of the server's certificate.
    public var serverCertificate: [UInt8]? { connection.session?.peerChain.first?.der }

    public var isResumed: Bool { connection.session?.isResumed ?? false }

    public func send(_ text: String) async throws {
        try await Self.run(on: queue) { [connection] in
            try connection.write(Array(text.utf8), until: .now.advanced(by: TestSocket.patience))
        }
    }

    /// What comes next; nil when the other side has said that there is no more.
    public func receive() async throws -> [UInt8]? {
        let bytes = try await Self.run(on: queue) { [connection] in
            try connection.read(atMost: 65_536, until: .now.advanced(by: TestSocket.patience))
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// What comes until the text is there, or the other side closes.
    public func receive(until end: String) async throws -> String {
        var all: [UInt8] = []
        while !all.ends(in: end, within: 65_536), let next = try await receive() { all += next }
        return String(decoding: all, as: UTF8.self)
    }

    /// Says that no more will come: the server may still answer.
    public func finishSending() async throws {
        try await Self.run(on: queue) { [connection] in connection.finishWriting() }
    }
}
