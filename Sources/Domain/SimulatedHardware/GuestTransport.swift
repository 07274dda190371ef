import Formats

/// A simulated guest's calls to a key broker, with a cookie, over any transport.
public struct GuestTransport: Sendable {
    public enum Method: String, Sendable { case get = "GET", post = "POST" }

    /// A call under `/kbs/v0`.
    public struct Call: Sendable {
        public let method: Method
        /// The path after `/kbs/v0`.
        public let path: String
        /// JSON.
        public let body: [UInt8]?
        /// The value of the cookie `session_id`.
        public let cookie: String?
        /// A registrar's token.
        public let token: String?
    }

    /// The broker's reply.
    public struct Reply: Sendable {
        public let status: Int
        public let cookie: String?
        /// `Retry-After`, in seconds.
        public let retryAfter: Int?
        public let body: [UInt8]

        public init(status: Int, cookie: String?, retryAfter: Int?, body: [UInt8]) {
            (self.status, self.cookie, self.retryAfter, self.body) = (status, cookie, retryAfter, body)
        }

        public var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The broker answered with another status than 200.
    public struct Refused: Error, CustomStringConvertible {
        public let status: Int
        public let text: String
        /// `Retry-After`, in seconds.
        public let retryAfter: Int?
        public var description: String { "\(status) \(text)" }

        init(_ reply: Reply) { (status, text, retryAfter) = (reply.status, reply.text, reply.retryAfter) }
    }

    private let exchange: @Sendable (Call) async throws -> Reply
    /// A registrar's token.
    private let token: String?

    /// - Parameters:
    ///   - token: a registrar's token, if the broker requires one.
    ///   - exchange: makes a call.
    public init(token: String? = nil, exchange: @escaping @Sendable (Call) async throws -> Reply) {
        (self.token, self.exchange) = (token, exchange)
    }

    /// - Parameter path: under `/kbs/v0`.
    public func send(
        _ method: Method, _ path: String, _ body: [UInt8]? = nil, cookie: String? = nil, token: String? = nil
    ) async throws -> Reply {
        try await exchange(Call(method: method, path: path, body: body, cookie: cookie, token: token))
    }

    /// Sends a request, and throws ``Refused`` unless the status is 200.
    func demand(
        _ method: Method, _ path: String, _ body: [UInt8]? = nil, cookie: String? = nil, token: String? = nil
    ) async throws -> Reply {
        let reply = try await send(method, path, body, cookie: cookie, token: token)
        guard reply.status == 200 else { throw Refused(reply) }
        return reply
    }

    /// `POST /register_workload`.
    public func register(_ id: String, measurement: String, configuration: String, secret: String) async throws {
        let message: JSONValue = [
            "workload_id": .text(id), "launch_measurement": .text(measurement), "tee_config": .text(configuration),
            "passphrase": .text(secret),
        ]
        _ = try await demand(.post, "/register_workload", message.encoded, token: token)
    }
}
