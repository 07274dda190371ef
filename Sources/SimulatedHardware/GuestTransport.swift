public import AsyncHTTPClient
public import Foundation
import NIOCore
import NIOHTTP1

/// How a simulated guest reaches a key broker: HTTP with a cookie.
public struct GuestTransport: Sendable {
    public enum Method: String, Sendable { case get = "GET", post = "POST" }

    /// What the broker answered.
    public struct Reply: Sendable {
        public let status: UInt
        public let cookie: String?
        /// `Retry-After`, in seconds.
        public let retryAfter: Int?
        public let body: Data

        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The broker did not do what was asked.
    public struct Refused: Error, CustomStringConvertible {
        public let status: UInt
        public let text: String
        /// After how many seconds it may be asked again, if it said so.
        public let retryAfter: Int?
        public var description: String { "\(status) \(text)" }

        init(_ reply: Reply) { (status, text, retryAfter) = (reply.status, reply.text, reply.retryAfter) }
    }

    private let base: String
    private let client: HTTPClient
    /// For registering: a token.
    private let token: String?

    /// - Parameters:
    ///   - base: the broker's address, e.g. `http://127.0.0.1:8080`.
    ///   - token: what proves a registrar, when the broker wants it proven.
    public init(base: String, client: HTTPClient, token: String? = nil) {
        self.base = base
        self.client = client
        self.token = token
    }

    /// - Parameter path: under `/kbs/v0`.
    public func send(
        _ method: Method, _ path: String, _ body: Data? = nil, cookie: String? = nil, token: String? = nil
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: "\(base)/kbs/v0\(path)")
        request.method = HTTPMethod(rawValue: method.rawValue)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let cookie { request.headers.add(name: "Cookie", value: "session_id=\(cookie)") }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json; charset=utf-8")
            request.body = .bytes(body)
        }
        let response = try await client.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: 1 << 20)
        let cookie = response.headers.first(name: "Set-Cookie").flatMap { header -> String? in
            let parts = header.split(separator: "=", maxSplits: 1)
            return parts.count == 2 && parts[0] == "session_id" ? String(parts[1]) : nil
        }
        return Reply(
            status: response.status.code, cookie: cookie,
            retryAfter: response.headers.first(name: "Retry-After").flatMap { Int($0) },
            body: Data(bytes.readableBytesView))
    }

    /// The same, for a request that is meant to succeed.
    func demand(
        _ method: Method, _ path: String, _ body: Data? = nil, cookie: String? = nil, token: String? = nil
    ) async throws -> Reply {
        let reply = try await send(method, path, body, cookie: cookie, token: token)
        guard reply.status == 200 else { throw Refused(reply) }
        return reply
    }

    /// `POST /register_workload`.
    public func register(_ id: String, measurement: String, configuration: String, secret: String) async throws {
        let fields = [
            "workload_id": id, "launch_measurement": measurement, "tee_config": configuration, "passphrase": secret,
        ]
        _ = try await demand(.post, "/register_workload", try JSONEncoder().encode(fields), token: token)
    }
}
