import Broker
import HTTP
import HTTPEdge
import HTTPServer

/// Sheds load: answers 503 at once to evidence that would wait too long to be verified.
///
/// A connection's event loop verifies, so that never more is verified at a time than there are cores. A loop takes
/// in all requests that have arrived before it goes on with any, so that those in excess are turned away before the
/// others are verified, and none waits longer than it takes to verify what the room holds.
struct AttestationQueueMiddleware<Context: RequestContext & RemoteAddressRequestContext>: RouterMiddleware {
    let room: WaitingRoom
    let bodies: BodyAllowance
    let counters: LimitCounters

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard request.method == .post, context.endpointPath == BodyAllowance.attest else {
            return try await next(request, context)
        }
        let response =
            bodies.isLong(request)
            ? try await bodies.long.admit(context.remoteAddress) { try await queue(request, context, next) }
            : try await queue(request, context, next)
        guard let response else {
            counters.count(.overload)
            throw Refusal(
                .overloaded, "The server has more evidence to verify than it can: try again.", retryAfter: 2)
        }
        return response
    }

    /// - Returns: `nil` when the room is full.
    private func queue(
        _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
    ) async throws -> Response? {
        var request = request
        // Before it counts: otherwise whoever sends slowly would fill the room.
        _ = try await request.collectBody(upTo: try bodies.longest(request))
        let whole = request
        return try await room.admit {
            await Task.yield()
            return try await next(whole, context)
        }
    }
}

/// Refuses a body that says it is too long before any of it is read, and tells whoever sends one for which there is no
/// room.
struct BodyLimitMiddleware<Context: RequestContext>: RouterMiddleware {
    let bodies: BodyAllowance

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let length = request.headers[.contentLength] {
            let longest = try bodies.longest(request)
            if Int(length).map({ $0 > longest }) ?? true { throw HTTPError.bodyTooLong(longest) }
        }
        do {
            return try await next(request, context)
        } catch BodyFailure.noRoom {
            throw Refusal(.overloaded, "The server has more requests in memory than it can: try again.", retryAfter: 2)
        }
    }
}
