import Broker
import HTTP
import HTTPEdge
import HTTPServer

/// Sheds load: answers 503 at once to evidence that would wait too long to be verified.
///
/// A connection's event loop verifies, so that never more is verified at a time than there are cores. A loop takes
/// in all requests that have arrived before it goes on with any, so that those in excess are turned away before the
/// others are verified, and none waits longer than it takes to verify what the room holds.
struct AttestationQueueMiddleware<Context: RequestContext>: RouterMiddleware {
    private static var path: String { "/kbs/v0/attest" }

    let room: WaitingRoom
    let longestBody: Int
    let counters: LimitCounters

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, context.endpointPath == Self.path else {
            return try await next(request, context)
        }
        var request = request
        // Before it counts: otherwise whoever sends slowly would fill the room.
        _ = try await request.collectBody(upTo: longestBody)
        let whole = request
        let response = try await room.admit {
            await Task.yield()
            return try await next(whole, context)
        }
        guard let response else {
            counters.count(.overload)
            throw Refusal(
                .overloaded, "The server has more evidence to verify than it can: try again.", retryAfter: 2)
        }
        return response
    }
}

/// Refuses a body that says it is too long before any of it is read, and tells whoever sends one for which there is no
/// room.
struct BodyLimitMiddleware<Context: RequestContext>: RouterMiddleware {
    let longestBody: Int
    let longestResource: Int

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let isResource = [.resources, .resource].contains(Endpoint(request.uri.path))
        let longest = isResource ? max(longestBody, longestResource) : longestBody
        if let length = request.headers[.contentLength], Int(length).map({ $0 > longest }) ?? true {
            throw HTTPError.bodyTooLong(longest)
        }
        do {
            return try await next(request, context)
        } catch BodyFailure.noRoom {
            throw Refusal(.overloaded, "The server has more requests in memory than it can: try again.", retryAfter: 2)
        }
    }
}
