public import HTTP
public import Logging

/// Answers a request whose route was found.
public typealias RouteHandler<Context: RequestContext> = @Sendable (Request, Context) async throws -> Response

/// Where routes are added: a ``Router``, or a group of paths that begin alike.
public protocol RouterMethods<Context> {
    associatedtype Context: RequestContext

    /// Adds a route. A path and method are given once.
    func on(
        _ path: RouterPath, method: HTTPRequest.Method,
        use handler: @escaping RouteHandler<Context>)

    /// Paths that begin with this one.
    func group(_ path: RouterPath) -> RouterGroup<Context>
}

extension RouterMethods {
    /// Also answers HEAD, without a body.
    public func get(_ path: RouterPath, use handler: @escaping RouteHandler<Context>) {
        on(path, method: .get, use: handler)
    }
    public func put(_ path: RouterPath, use handler: @escaping RouteHandler<Context>) {
        on(path, method: .put, use: handler)
    }
    public func post(_ path: RouterPath, use handler: @escaping RouteHandler<Context>) {
        on(path, method: .post, use: handler)
    }
    public func patch(_ path: RouterPath, use handler: @escaping RouteHandler<Context>) {
        on(path, method: .patch, use: handler)
    }
    public func delete(_ path: RouterPath, use handler: @escaping RouteHandler<Context>) {
        on(path, method: .delete, use: handler)
    }
}

/// Routes and what stands around them. It is filled first, and then gives a ``RouterResponder`` that serves.
public final class Router<Context: RequestContext>: RouterMethods {
    private var routes: [RouterPath: [HTTPRequest.Method: RouteHandler<Context>]] = [:]
    private var layers: [RouterLayer<Context>] = []

    public init(context: Context.Type = BasicRequestContext.self) {}

    /// Puts something around all routes, inside of what was added before.
    public func add(middleware: some RouterMiddleware<Context>) {
        layers.append { request, context, next in
            try await middleware.handle(request, context: context, next: next)
        }
    }

    public func on(_ path: RouterPath, method: HTTPRequest.Method, use handler: @escaping RouteHandler<Context>) {
        routes[path, default: [:]][method] = handler
    }

    public func group(_ path: RouterPath) -> RouterGroup<Context> { RouterGroup(self, path) }

    /// What answers requests from now on as this router has it now.
    ///
    /// - Parameters:
    ///   - careless: a path under which a doubled slash at the very beginning counts for one: some guests' clients put
    ///     their path behind a base URL that ends in a slash.
    ///   - proxies: networks of proxies that are believed who their clients are.
    ///   - logger: what handlers log to.
    public func responder(
        allowingDoubledSlashBefore careless: String? = nil, trusting proxies: NetworkList = .none, logger: Logger
    ) -> RouterResponder<Context> {
        RouterResponder(routes, layers, careless: careless, proxies, logger)
    }
}

/// Paths that begin alike.
public struct RouterGroup<Context: RequestContext>: RouterMethods {
    private let router: Router<Context>
    private let prefix: RouterPath

    init(_ router: Router<Context>, _ prefix: RouterPath) { (self.router, self.prefix) = (router, prefix) }

    public func on(_ path: RouterPath, method: HTTPRequest.Method, use handler: @escaping RouteHandler<Context>) {
        router.on("\(prefix)\(path.segments.isEmpty ? "" : "\(path)")", method: method, use: handler)
    }

    public func group(_ path: RouterPath) -> RouterGroup<Context> { RouterGroup(router, "\(prefix)\(path)") }
}
