import HTTP
public import HTTPClient

extension GuestComponents {
    /// Over HTTP.
    ///
    /// - Parameter base: the broker's address, e.g. `http://127.0.0.1:8080`.
    public init(_ hardware: Hardware, key: GuestComponentKey = .elliptic, base: String, client: HTTP1Client) {
        self.init(hardware, key: key) { request in
            var message = HTTPClientRequest(
                HTTPRequest.Method(request.method) ?? .get, url: base, path: request.path, body: request.body)
            for (name, value) in request.headers {
                guard let name = HTTPField.Name(name) else { continue }
                message.headers[name] = value
            }
            let answer = try await client.execute(message, timeout: .seconds(60), upTo: 1 << 22)
            return Answer(
                status: UInt(answer.status.code), setCookie: answer.headers[values: .setCookie].first, body: answer.body
            )
        }
    }
}
