import HTTP
public import HTTPServer
import Logging

/// Finds a request's route at its head, and answers it.
///
/// Each path has exactly one form: an empty segment or a slash at the end makes it another path, which there is not. A
/// proxy in front and this server then read the same path in the same way.
public final class RouterResponder<Context: RequestContext>: Sendable {
    private typealias Handler = RouteHandler<Context>

    private struct Route: Sendable {
        let path: RouterPath
        let name: String
        let handlers: [HTTPRequest.Method: Handler]

        /// HEAD is answered wherever GET is: the server leaves out the body.
        func handler(for method: HTTPRequest.Method) -> Handler? {
            if method == .head, let get = handlers[.get] { return get }
            return handlers[method]
        }
    }

    private let literal: [String: Route]
    /// Those with names in them: the longest first, and `**` last.
    private let patterns: [Route]
    private let layers: [RouterLayer<Context>]
    private let careless: String?
    private let proxies: NetworkList
    private let logger: Logger

    init(
        _ routes: [RouterPath: [HTTPRequest.Method: RouteHandler<Context>]],
        _ layers: [RouterLayer<Context>],
        careless: String?, _ proxies: NetworkList, _ logger: Logger
    ) {
        let all = routes.map { Route(path: $0, name: "\($0)", handlers: $1) }
        literal = Dictionary(all.filter(\.path.isLiteral).map { ($0.name, $0) }) { first, _ in first }
        patterns = all.filter { !$0.path.isLiteral }.sorted { Self.rank($0.path) > Self.rank($1.path) }
        self.layers = layers
        self.careless = careless
        self.proxies = proxies
        self.logger = logger
    }

    private static func rank(_ path: RouterPath) -> Int {
        (path.segments.last == .rest ? 0 : 1_000) + path.segments.count
    }

    /// The answer. What a handler or middleware throws and nobody has turned into one is its status, or 500.
    public func respond(to incoming: IncomingRequest) async -> OutgoingResponse {
        let request = Request(head: incoming.head, path: path(of: incoming.head), body: .incoming(incoming.body))
        let (caller, fault) = caller(of: incoming)
        var context = Context(
            source: ApplicationRequestContextSource(request: incoming, caller: caller, logger: logger))
        var handler: Handler?
        if let (route, values) = route(request.uri.path) {
            context.coreContext.endpointPath = route.name
            context.coreContext.parameters.values = values
            handler = route.handler(for: request.method)
        }
        // Whose request it is decides what it may do.
        if let fault { handler = { _, _ in throw HTTPError(fault.status, message: fault.reason) } }
        do {
            return try await run(0, request, context, handler).outgoing
        } catch let error as HTTPError {
            return OutgoingResponse(
                status: error.status, headers: error.headers, body: .bytes(Array((error.body ?? "").utf8)))
        } catch {
            return OutgoingResponse(status: .internalServerError)
        }
    }

    private func caller(of request: IncomingRequest) -> (Peer, MalformedMessage?) {
        guard !proxies.isEmpty else { return (request.peer, nil) }
        do {
            let address = try ForwardedFor.caller(
                of: request.head.headerFields, from: request.peer.address, trusting: proxies)
            return (Peer(address: address, userID: request.peer.userID), nil)
        } catch {
            return (request.peer, error)
        }
    }

    private func path(of head: HTTPRequest) -> String {
        guard let careless, head.path.utf8.starts(with: "/\(careless)/".utf8) else { return head.path }
        return String(head.path.dropFirst())
    }

    private func route(_ path: String) -> (Route, [(name: String, value: Substring)])? {
        if let route = literal[path] { return (route, []) }
        for route in patterns {
            if let values = route.path.match(path) { return (route, values) }
        }
        return nil
    }

    /// The layers from this one on, and then the handler.
    private func run(
        _ index: Int, _ request: Request, _ context: Context, _ handler: Handler?
    ) async throws -> Response {
        guard index < layers.count else {
            guard let handler else { throw HTTPError(.notFound) }
            return try await handler(request, context)
        }
        return try await layers[index](request, context) { request, context in
            try await self.run(index + 1, request, context, handler)
        }
    }
}
