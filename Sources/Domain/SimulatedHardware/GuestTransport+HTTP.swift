import Bytes
import HTTP
public import HTTPClient

extension GuestTransport {
    /// A transport over HTTP, with a cookie.
    ///
    /// - Parameters:
    ///   - base: the broker's address, e.g. `http://127.0.0.1:8080`.
    ///   - token: a registrar's token, if the broker requires one.
    public init(base: String, client: HTTP1Client, token: String? = nil) {
        self.init(token: token) { call in
            var request = HTTPClientRequest(
                call.method == .post ? .post : .get, url: base, path: "/kbs/v0\(call.path)", body: call.body)
            if let token = call.token { request.headers[.authorization] = "Bearer \(token)" }
            if let cookie = call.cookie { request.headers[.cookie] = "session_id=\(cookie)" }
            if call.body != nil { request.headers[.contentType] = "application/json; charset=utf-8" }
            let answer = try await client.execute(request, timeout: .seconds(60), upTo: 1 << 20)
            // libkrun's guest copies the reply into 200 bytes.
            guard call.path != "/attest" || answer.body.count < 200 else {
                throw MalformedInput(
                    "reply to /attest", "has \(answer.body.count) bytes, on which a real guest crashes")
            }
            return Reply(
                status: answer.status.code, cookie: Self.session(in: answer.headers),
                retryAfter: answer.headers[.retryAfter].flatMap { Int($0) }, body: answer.body)
        }
    }

    private static func session(in headers: HTTPFields) -> String? {
        guard let line = headers[values: .setCookie].first, line.hasPrefix("session_id=") else { return nil }
        return String(line.dropFirst("session_id=".count).prefix { $0 != ";" })
    }
}
