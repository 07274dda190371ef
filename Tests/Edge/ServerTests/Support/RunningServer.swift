import Broker
import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import Logging
import Server
import SimulatedHardware
import TestSupport

/// A server in this process, on a real socket and a real folder, that trusts the tests' simulated hardware.
struct RunningServer {
    let base: String
    let port: Int
    let log: LogRecorder
    let settings: Settings

    var transport: GuestTransport { GuestTransport(base: base, client: .shared) }
    /// Where guests alone are served, as the log says.
    var guestBase: String? {
        log.lines.lazy.compactMap { $0.firstMatch(of: /Listening for guests alone.*(http:\/\/[0-9.:]+)/)?.1 }
            .first.map(String.init)
    }

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
        // Most tests are about what an administrator does, not about who is one.
        settings.opensAdministration = true
        // Only what a test is about may fail on a busy machine.
        settings.limits = .patient
        settings.storage.timeout = PostgreSQLCluster.patience / .seconds(1)
        try change(&settings)
        let log = LogRecorder()
        let (addresses, report) = AsyncStream.makeStream(of: Installation.Settings.Address.self)
        let server = KBSServer(settings, logger: log.logger) { report.yield($0) }
        let task = Task {
            defer { report.finish() }
            try await server.run()
        }
        do {
            guard let address = await addresses.first(where: { _ in true }) else {
                try await task.value
                throw CancellationError()
            }
            try await body(
                RunningServer(base: "http://\(address)", port: address.port, log: log, settings: settings))
        } catch {
            task.cancel()
            _ = await task.result
            throw error
        }
        task.cancel()
        _ = await task.result
        _ = folder
    }

    /// A reply in full.
    struct Reply {
        let status: Int
        let headers: HTTPFields
        let body: String

        /// The code at the start of a refusal.
        var code: String { String(body.prefix { $0 != ":" }) }
        var cookie: String {
            headers.first(name: "Set-Cookie").map { String($0.dropFirst("session_id=".count).prefix { $0 != ";" }) }
                ?? ""
        }
    }

    /// With fields that a client of ours would not send.
    func sendRaw(_ method: String, _ path: String, fields: [(String, String)]) async throws -> Reply {
        let socket = try TestSocket(port)
        let host = fields.contains { $0.0 == "Host" } ? [] : [("Host", "127.0.0.1")]
        let lines = (host + fields + [("Connection", "close")]).map { "\($0): \($1)\r\n" }.joined()
        try await socket.send("\(method) \(path) HTTP/1.1\r\n\(lines)\r\n")
        var reader = ResponseReader(to: HTTPRequest.Method(method) ?? .get, longestBody: 1 << 20)
        try reader.read(await socket.receiveRest().utf8)
        try reader.end()
        guard let response = reader.response else { throw CancellationError() }
        return Reply(
            status: response.status.code, headers: response.headerFields,
            body: String(decoding: reader.body, as: UTF8.self))
    }

    func send(
        _ method: String, _ path: String, _ body: some Sequence<UInt8> = [], headers: [(String, String)] = []
    ) async throws -> Reply {
        try await Self.send(method, to: base + path, body, headers: headers)
    }

    /// To any server.
    static func send(
        _ method: String, to url: String, _ body: some Sequence<UInt8> = [], headers: [(String, String)] = [],
        over client: HTTP1Client = .shared
    ) async throws -> Reply {
        var request = HTTPClientRequest(HTTPRequest.Method(method) ?? .get, url: url)
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { try request.add(name, value) }
        }
        let bytes = Array(body)
        if !bytes.isEmpty { request.body = bytes }
        let response = try await client.execute(request, timeout: .seconds(120))
        return Reply(status: response.status.code, headers: response.headers, body: response.text)
    }

    func post(_ path: String, _ json: String, cookie: String? = nil) async throws -> Reply {
        var headers = [("Content-Type", "application/json")]
        if let cookie { headers.append(("Cookie", "session_id=\(cookie)")) }
        return try await send("POST", path, json.utf8, headers: headers)
    }

    /// The cookie of a challenge to an SNP workload.
    func challengeCookie(_ id: String) async throws -> String {
        try await post("/kbs/v0/auth", #"{"tee":"snp","extra-params":{"workload_id":"\#(id)"}}"#).cookie
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
