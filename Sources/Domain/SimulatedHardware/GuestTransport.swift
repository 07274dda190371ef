import Formats

/// How a simulated guest reaches a key broker: calls with a cookie, over whatever carries them.
public struct GuestTransport: Sendable {
    public enum Method: String, Sendable { case get = "GET", post = "POST" }

    /// A call under `/kbs/v0`.
    public struct Call: Sendable {
        public let method: Method
        /// Behind `/kbs/v0`.
        public let path: String
        /// JSON.
        public let body: [UInt8]?
        /// Of `session_id`.
        public let cookie: String?
        /// What proves a registrar.
        public let token: String?
    }

    /// What the broker answered.
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

    /// The broker did not do what was asked.
    public struct Refused: Error, CustomStringConvertible {
        public let status: Int
        public let text: String
        /// After how many seconds it may be asked again, if it said so.
        public let retryAfter: Int?
        public var description: String { "\(status) \(text)" }

        init(_ reply: Reply) { (status, text, retryAfter) = (reply.status, reply.text, reply.retryAfter) }
    }

    private let exchange: @Sendable (Call) async throws -> Reply
    /// For registering.
    private let token: String?

    /// - Parameters:
    ///   - token: what proves a registrar, when the broker wants it proven.
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

    /// The same, for a request that is meant to succeed.
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
