import FoundationEssentials
import HTTP
import HTTPClient
package import Installation

/// A client of the server that runs, or should run, with these settings on this machine, over its own port or socket.
///
/// The server's certificate is not verified: nothing secret is sent, and the certificate is not for loopback's name.
package struct OwnServer: Sendable {
    /// Its URL.
    package let base: String
    private let client: HTTP1Client

    /// - Parameters:
    ///   - address: one of the server's; the main one or the socket by default.
    ///   - isPlain: whether the address has no TLS, whatever the main one has.
    package init(_ settings: Settings, at address: Settings.Address? = nil, isPlain: Bool = false) {
        if address == nil, !settings.listensOnTCP, let socket = settings.socket.path {
            base = "unix:\(socket)"
        } else {
            let address = address ?? settings.listen
            let host = ["0.0.0.0": "127.0.0.1", "::": "::1"][address.host] ?? address.host
            let scheme = isPlain || settings.tls.certificate == nil ? "http" : "https"
            base = "\(scheme)://\(Settings.Address(host: host, port: address.port))"
        }
        var configuration = HTTP1Client.Configuration()
        configuration.verifiesServer = false
        configuration.proxies = .none
        client = HTTP1Client(configuration)
    }

    /// The answer of `/readyz`.
    ///
    /// - Throws: if no server answers.
    package func readiness() async throws -> (isReady: Bool, text: String) {
        let answer = try await get("/readyz")
        return (answer.status == .ok, answer.text)
    }

    /// Whether the program on the port answers like a kbs.
    var isKBS: Bool {
        get async { (try? await get("/kbs/v0"))?.text.contains("This is a key broker") == true }
    }

    private func get(_ path: String) async throws -> HTTPClientResponse {
        try await client.execute(HTTPClientRequest(url: base, path: path), timeout: .seconds(10), upTo: 65_536)
    }
}
