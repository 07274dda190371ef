import HTTP
import HTTPClient

extension HTTP1Client {
    /// Asks servers of the tests, which are on loopback.
    static let shared: HTTP1Client = {
        var configuration = Configuration()
        configuration.proxies = .none
        return HTTP1Client(configuration)
    }()

    func execute(_ request: HTTPClientRequest, timeout: Duration) async throws -> HTTPClientResponse {
        try await execute(request, timeout: timeout, upTo: 1 << 22)
    }
}

extension HTTPFields {
    /// The values of all fields of that name.
    subscript(name: String) -> [String] { HTTPField.Name(name).map { self[values: $0] } ?? [] }

    /// The first field of that name, as it stands in the message.
    func first(name: String) -> String? { first { $0.name.rawName.lowercased() == name.lowercased() }?.value }
}
