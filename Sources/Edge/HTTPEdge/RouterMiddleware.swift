/// Something that stands around the handlers of all routes, and around the answer that there is no route.
public protocol RouterMiddleware<Context>: Sendable {
    associatedtype Context: RequestContext

    /// - Parameter next: what stands further in; it need not be called.
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response
}

/// A middleware, as requests meet it: to open an `any RouterMiddleware<Context>` for each costs more than most of them.
typealias RouterLayer<Context: RequestContext> =
    @Sendable (Request, Context, (Request, Context) async throws -> Response) async throws -> Response
