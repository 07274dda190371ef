import Foundation
import HTTPTypes
import Hummingbird
public import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// A stand-in for a service on loopback, such as AMD's Key Distribution Service: answers what it is told, and remembers
/// what it was asked.
public final class StandInService: Sendable {
    public typealias Answer = @Sendable (_ path: String, _ count: Int) async -> Response

    /// What it was asked.
    public struct Exchange: Sendable {
        public let method: String
        /// With the query.
        public let path: String
        public let authorization: String?
        public let body: [UInt8]
    }

    private let requests = Mutex<[Exchange]>([])
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
        let router = Router()
        for method in [HTTPRequest.Method.get, .post, .put] {
            router.on("**", method: method) { request, _ in
                let body = try await request.body.collect(upTo: 1 << 20)
                let exchange = Exchange(
                    method: method.rawValue, path: request.uri.string, authorization: request.headers[.authorization],
                    body: Array(body.readableBytesView))
                let count = service.requests.withLock { requests in
                    requests.append(exchange)
                    return requests.count
                }
                return await service.answer(exchange.path, count)
            }
        }
        var logger = Logger(label: "kds")
        logger.logLevel = .critical
        let (ports, report) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { report.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let task = Task { try await application.run() }
        defer { task.cancel() }
        for await port in ports {
            try await body(service, "http://127.0.0.1:\(port)")
            break
        }
    }

    public static func bytes(_ bytes: [UInt8]) -> Response {
        Response(status: .ok, body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A reply that begins, and then nothing more comes for as long as anyone waits.
    public static func stalling(after bytes: [UInt8]) -> Response {
        Response(
            status: .ok,
            body: .init(contentLength: bytes.count + 1) { writer in
                try await writer.write(ByteBuffer(bytes: bytes))
                try await Task.sleep(for: .seconds(60))
                try await writer.finish(nil)
            })
    }

    public static func status(_ code: Int, retryAfter: String? = nil, location: String? = nil) -> Response {
        var headers = HTTPFields()
        headers[.retryAfter] = retryAfter
        headers[.location] = location
        return Response(status: .init(code: code), headers: headers)
    }
}
