import Concurrency
public import HTTP
public import HTTPServer

/// A stand-in for a service on loopback, such as AMD's Key Distribution Service: answers what it is told, and remembers
/// what it was asked.
public final class StandInService: Sendable {
    public typealias Answer = @Sendable (_ path: String, _ count: Int) async -> OutgoingResponse

    /// What it was asked.
    public struct Exchange: Sendable {
        public let method: String
        /// With the query.
        public let path: String
        public let headers: HTTPFields
        public let body: [UInt8]

        public var authorization: String? { headers[.authorization] }
    }

    private let requests = Lock<[Exchange]>([])
    private let answer: Answer

    private init(_ answer: @escaping Answer) { self.answer = answer }

    /// Paths with their queries, in the order in which they came.
    public var asked: [String] { exchanges.map(\.path) }

    public var exchanges: [Exchange] { requests.withLock { $0 } }

    /// Runs the service for as long as `body` does.
    public static func run(
        answering answer: @escaping Answer, _ body: (StandInService, _ baseURL: String) async throws -> Void
    ) async throws {
        let service = StandInService(answer)
        try await TestServer.run(handler: { await service.respond(to: $0) }) { server in
            try await body(service, "http://127.0.0.1:\(server.port)")
        }
    }

    private func respond(to request: IncomingRequest) async -> OutgoingResponse {
        guard let body = try? await request.body.collect(upTo: 1 << 20) else { return Self.status(413) }
        let exchange = Exchange(
            method: request.head.method.rawValue, path: request.head.path, headers: request.head.headerFields,
            body: body)
        let count = requests.withLock { requests in
            requests.append(exchange)
            return requests.count
        }
        return await answer(exchange.path, count)
    }

    public static func bytes(_ bytes: [UInt8]) -> OutgoingResponse {
        OutgoingResponse(status: .ok, body: bytes)
    }

    /// Answers after ten minutes, which no caller waits for.
    public static func silence() async -> OutgoingResponse {
        try? await Task.sleep(for: .seconds(600))
        return status(503)
    }

    public static func status(
        _ code: Int, retryAfter: String? = nil, location: String? = nil
    ) -> OutgoingResponse {
        var headers = HTTPFields()
        headers[.retryAfter] = retryAfter
        headers[.location] = location
        return OutgoingResponse(status: .init(code: code), headers: headers)
    }
}
