import Broker
import HTTP
import HTTPEdge

/// Says whose evidence is looked at, so that what it costs beside its verification is counted by caller.
struct CallerMiddleware<Context: RequestContext & RemoteAddressRequestContext>: RouterMiddleware {
    private static var path: String { "/kbs/v0/attest" }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, context.endpointPath == Self.path else {
            return try await next(request, context)
        }
        return try await Caller.$network.withValue(context.remoteAddress?.limited.description) {
            try await next(request, context)
        }
    }
}
