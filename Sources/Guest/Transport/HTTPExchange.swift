import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One HTTP/1.1 request on a connection of its own, with limits on everything that the other side decides.
///
/// AsyncHTTPClient has no place for a pin, and three requests need no pool.
struct HTTPExchange: Sendable {
    struct Reply: Sendable {
        var status: UInt
        var headers: HTTPHeaders
        var body: Data

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    /// The connection failed, or the answer is not one.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        /// Whether another try may go better.
        let isTransient: Bool
    }

    /// The longest body that is read. A key's ciphertext has 1,024 hex digits at most.
    static let longestBody = 64 * 1_024

    let address: BrokerAddress
    let tls: PinnedTLS?

    init(_ address: BrokerAddress) throws {
        self.address = address
        tls = try PinnedTLS(address)
    }

    /// - Parameters:
    ///   - path: after the address's own, e.g. `/kbs/v0/auth`.
    ///   - limit: the time for everything, from the name's lookup to the answer's last byte.
    /// - Throws: ``Failure``.
    func send(
        _ method: HTTPMethod, _ path: String, body: Data? = nil, cookie: String? = nil, within limit: Duration
    ) async throws -> Reply {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: Reply.self)
        let time = TimeAmount(limit)
        let head = head(method, path, length: body?.count ?? 0, cookie: cookie)
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(time)
            .channelInitializer { [tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(tls.handler()) }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(ReplyCollector(promise, asking: head, body: body))
                }
            }
            .connect(host: address.host, port: address.port)
        connecting.whenFailure { promise.fail($0) }
        let expiry = loop.scheduleTask(in: time) { promise.fail(ChannelError.connectTimeout(time)) }
        promise.futureResult.whenComplete { _ in
            expiry.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        do {
            return try await promise.futureResult.get()
        } catch let failure as Failure {
            throw failure
        } catch {
            if let sentence = tls?.sentence(for: error) { throw Failure(description: sentence, isTransient: false) }
            throw Failure(description: Self.describe(error, address), isTransient: true)
        }
    }

    private func head(_ method: HTTPMethod, _ path: String, length: Int, cookie: String?) -> HTTPRequestHead {
        let name = address.host.contains(":") ? "[\(address.host)]" : address.host
        var headers: HTTPHeaders = [
            "Host": "\(name):\(address.port)", "Accept": "application/json", "Connection": "close",
            "User-Agent": "kbs-guest",
        ]
        if method == .POST {
            headers.add(name: "Content-Type", value: "application/json; charset=utf-8")
            headers.add(name: "Content-Length", value: "\(length)")
        }
        if let cookie { headers.add(name: "Cookie", value: "session_id=\(cookie)") }
        return HTTPRequestHead(version: .http1_1, method: method, uri: address.path + path, headers: headers)
    }

    private static func describe(_ error: any Error, _ address: BrokerAddress) -> String {
        let place = "\(address.host):\(address.port)"
        return switch error {
        case ChannelError.connectTimeout: "\(place) did not answer in time."
        case let error as NIOConnectionError where error.connectionErrors.isEmpty:
            "The name \(address.host) has no address (yet): is the network up, and DNS set?"
        case let error as NIOConnectionError:
            "\(place) cannot be reached: \(error.connectionErrors.map { reason($0.error) }.joined(separator: "; "))."
        default: "The exchange with \(place) broke off: \(reason(error))."
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case ChannelError.eof: "it closed the connection"
        default: "\(error)"
        }
    }
}

/// Sends the request when the connection stands, and puts the answer together.
private final class ReplyCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let promise: EventLoopPromise<HTTPExchange.Reply>
    private let head: HTTPRequestHead
    private let body: Data?
    private var reply: HTTPExchange.Reply?

    init(_ promise: EventLoopPromise<HTTPExchange.Reply>, asking head: HTTPRequestHead, body: Data?) {
        (self.promise, self.head, self.body) = (promise, head, body)
    }

    func channelActive(context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let body { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 1xx answers come before the answer.
            if head.status.code >= 200 { reply = .init(status: head.status.code, headers: head.headers, body: Data()) }
        case .body(let bytes):
            guard var reply, reply.body.count + bytes.readableBytes <= HTTPExchange.longestBody else {
                return fail(
                    HTTPExchange.Failure(
                        description:
                            "The answer is longer than \(HTTPExchange.longestBody / 1_024) KiB: this is no broker.",
                        isTransient: false), context)
            }
            reply.body.append(contentsOf: bytes.readableBytesView)
            self.reply = reply
        case .end:
            if let reply { promise.succeed(reply) }
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail(error, context) }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        promise.fail(error)
        context.close(promise: nil)
    }
}
