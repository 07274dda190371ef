import BrokerSupport
import HTTP
import HTTPClient

extension GuestComponents {
    /// Guest components that reach a broker over HTTP.
    ///
    /// - Parameter base: the broker's address, e.g. `http://127.0.0.1:8080`.
    init(_ hardware: Hardware, key: GuestComponentKey = .elliptic, base: String) {
        self.init(hardware, key: key) { call in
            var request = HTTPClientRequest(
                HTTPRequest.Method(call.method) ?? .get, url: base, path: call.path, body: call.body)
            for (name, value) in call.headers {
                if let name = HTTPField.Name(name) { try request.add(name, value) }
            }
            let answer = try await HTTP1Client.shared.execute(request, timeout: .seconds(60))
            return Answer(
                status: UInt(answer.status.code), setCookie: answer.headers[values: .setCookie].first,
                body: answer.body)
        }
    }
}
