import Concurrency
import HTTP
public import HTTPServer
public import TLS

/// A server on a free port of this machine, with a handler of the test's own, that keeps what happened to it.
public final class TestServer: Sendable {
    public let port: Int
    public let server: HTTP1Server
    private let seen: Lock<[ServerEvent]>

    /// Runs it for as long as `body` does. Only what `change` sets has a deadline that a stalled machine can reach.
    public static func run(
        _ change: (inout ServerConfiguration) -> Void = { _ in }, tls: (@Sendable () -> TLSContext)? = nil,
        handler: @escaping @Sendable (IncomingRequest) async -> OutgoingResponse,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        var configuration = ServerConfiguration()
        for deadline in [
            \ServerConfiguration.tlsHandshakeTimeout, \.headTimeout, \.bodyTimeout, \.writeTimeout, \.lingerTimeout,
        ] { configuration[keyPath: deadline] = .seconds(600) }
        change(&configuration)
        let server = try TestServer(configuration, tls, handler)
        do {
            try await body(server)
        } catch {
            await server.server.stop(within: .zero)
            throw error
        }
        await server.server.stop(within: .zero)
    }

    private init(
        _ configuration: ServerConfiguration, _ tls: (@Sendable () -> TLSContext)?,
        _ handler: @escaping @Sendable (IncomingRequest) async -> OutgoingResponse
    ) throws {
        let seen = Lock<[ServerEvent]>([])
        self.seen = seen
        server = HTTP1Server(
            configuration, tls: tls, observing: { event in seen.withLock { $0.append(event) } }, handler: handler)
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = socket.address else { throw TestSocket.Failure(code: 0) }
        self.port = Int(port)
        try server.start([socket])
    }

    public var events: [ServerEvent] { seen.withLock { $0 } }

    /// Waits until something is so; false when it is not within two minutes, which is for a busy machine.
    public func eventually(_ condition: (TestServer) -> Bool) async -> Bool {
        for _ in 0..<12_000 {
            if condition(self) { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return false
    }

    /// How often something happened.
    public func count(_ isIt: (ServerEvent) -> Bool) -> Int { events.count { isIt($0) } }

    /// Opens a connection for as long as `body` runs.
    public func connect<R>(
        receiveBuffer: Int? = nil, _ body: (TestSocket) async throws -> R
    ) async throws -> R {
        try await body(try TestSocket(port, receiveBuffer: receiveBuffer))
    }

    /// What a request of its own connection gets.
    public func exchange(_ request: String) async throws -> String {
        try await connect { socket in
            try await socket.send(request)
            socket.finishSending()
            return await socket.receiveRest()
        }
    }
}
