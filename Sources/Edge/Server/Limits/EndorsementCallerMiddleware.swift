import Endorsements
import HTTP
import HTTPEdge

/// Says for whom certificates are asked for, so that one caller's made-up chips do not use up what AMD answers.
struct EndorsementCallerMiddleware<Context: RequestContext & RemoteAddressRequestContext>: RouterMiddleware {
    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try await EndorsementCaller.$current.withValue(context.remoteAddress) {
            try await next(request, context)
        }
    }
}
