import Broker
import Evidence
import Foundation
import HTTP
import HTTPClient
import Logging
import Server
import SimulatedHardware
import TestSupport

/// A server in this process, on a real socket and a real folder, that trusts the tests' simulated hardware.
struct RunningServer {
    let base: String
    let port: Int
    let client: HTTPClient
    let log: LogRecorder
    let settings: Settings

    var transport: GuestTransport { GuestTransport(base: base, client: client) }

    /// Runs for as long as `body` does.
    static func run(
        _ change: (inout Settings) throws -> Void = { _ in }, _ body: (RunningServer) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        var settings = Settings()
        settings.listen = .init(host: "127.0.0.1", port: 0)
        settings.dataFolder = folder.file("data")
        settings.keyDistribution = nil
        settings.simulatedRoots = try Simulated.roots
        try change(&settings)
        let log = LogRecorder()
        let (addresses, report) = AsyncStream.makeStream(of: Server.Settings.Address.self)
        let server = KBSServer(settings, logger: log.logger) { report.yield($0) }
        let task = Task {
            defer { report.finish() }
            try await server.run()
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton)
        do {
            guard let address = await addresses.first(where: { _ in true }) else {
                try await task.value
                throw CancellationError()
            }
            try await body(
                RunningServer(
                    base: "http://\(address)", port: address.port, client: client, log: log,
                    settings: settings))
        } catch {
            task.cancel()
            _ = await task.result
            try await client.shutdown()
            throw error
        }
        task.cancel()
        _ = await task.result
        try await client.shutdown()
        _ = folder
    }

    /// A reply in full.
    struct Reply {
        let status: UInt
        let headers: HTTPHeaders
        let body: String

        /// The code at the start of a refusal.
        var code: String { String(body.prefix { $0 != ":" }) }
        var cookie: String { headers.first(name: "Set-Cookie").map { String($0.dropFirst("session_id=".count)) } ?? "" }
    }

    func send(
        _ method: String, _ path: String, _ body: some Sequence<UInt8> = [], headers: [(String, String)] = []
    ) async throws -> Reply {
        try await Self.send(method, to: base + path, body, headers: headers, over: client)
    }

    /// To any server.
    static func send(
        _ method: String, to url: String, _ body: some Sequence<UInt8> = [], headers: [(String, String)] = [],
        over client: HTTPClient
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        request.headers = HTTPHeaders(headers)
        let bytes = Array(body)
        if !bytes.isEmpty { request.body = .bytes(bytes) }
        let response = try await client.execute(request, timeout: .seconds(120))
        let buffer = try await response.body.collect(upTo: 1 << 22)
        return Reply(
            status: response.status.code, headers: response.headers,
            body: String(decoding: buffer.readableBytesView, as: UTF8.self))
    }

    func post(_ path: String, _ json: String, cookie: String? = nil) async throws -> Reply {
        var headers = [("Content-Type", "application/json")]
        if let cookie { headers.append(("Cookie", "session_id=\(cookie)")) }
        return try await send("POST", path, json.utf8, headers: headers)
    }

    /// Registers a workload for `Simulated.guest(id)`.
    func register(_ id: String, secret: String = "secret", configuration: String = "") async throws {
        try await transport.register(
            id, measurement: Hex.encode(Simulated.measurement(id)), configuration: configuration, secret: secret)
    }

    func registerSEV(_ id: String, secret: String = "secret", configuration: String = "") async throws {
        try await transport.register(
            id, measurement: Hex.encode(Simulated.digest(id)), configuration: configuration, secret: secret)
    }
}
