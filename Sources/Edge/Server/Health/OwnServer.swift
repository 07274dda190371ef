import AsyncHTTPClient
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOSSL

/// The server that runs, or should run, with these settings on this machine, asked over its own port.
///
/// Its certificate is not looked at: nothing secret is sent, and it is for another name than loopback's.
public struct OwnServer: Sendable {
    private let base: String

    public init(_ settings: Settings) {
        let host = ["0.0.0.0": "127.0.0.1", "::": "::1"][settings.listen.host] ?? settings.listen.host
        let scheme = settings.tls.certificate == nil ? "http" : "https"
        base = "\(scheme)://\(Settings.Address(host: host, port: settings.listen.port))"
    }

    /// What `/readyz` says.
    ///
    /// - Throws: when nobody answers.
    public func readiness() async throws -> (isReady: Bool, text: String) {
        let (status, text) = try await get("/readyz")
        return (status == .ok, text)
    }

    /// Whether who has the port says what nobody else does.
    var isKBS: Bool {
        get async { (try? await get("/kbs/v0"))?.text.contains("This is a key broker") == true }
    }

    private func get(_ path: String) async throws -> (status: HTTPResponseStatus, text: String) {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: HTTPClient.Configuration(tlsConfiguration: tls))
        let result: Result<(HTTPResponseStatus, String), any Error>
        do {
            let response = try await client.execute(HTTPClientRequest(url: base + path), timeout: .seconds(10))
            result = .success((response.status, String(buffer: try await response.body.collect(upTo: 65_536))))
        } catch {
            result = .failure(error)
        }
        try? await client.shutdown()
        return try result.get()
    }
}
