import Broker
import HTTP
import HTTPEdge

/// Answers 429 to an address that makes too many requests, after a pause: whoever does not wait has fewer of them refused.
struct RateLimitMiddleware<Context: RequestContext & RemoteAddressRequestContext>: RouterMiddleware {
    /// What an orchestrator asks to learn whether the server is alive: never limited.
    private static var exempt: Set<String> { ["/livez", "/readyz"] }
    private static var pause: Duration { .milliseconds(250) }
    /// Of a long body, in bytes, as much counts for a request.
    private static var piece: Int { 16_384 }

    let limiter: RateLimiter
    let bodies: BodyAllowance
    let counters: LimitCounters

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let caller = context.remoteAddress, !Self.exempt.contains(request.uri.path),
            let wait = limiter.take(caller, bodies.isLong(request) ? 1 + length(of: request) / Self.piece : 1)
        {
            counters.count(.rate)
            try await Task.sleep(for: Self.pause)
            throw Refusal(
                .rateLimited,
                "Your address makes too many requests: wait, or have the operator raise limits.requests_per_second.",
                retryAfter: Int(wait.components.seconds) + 1)
        }
        return try await next(request, context)
    }

    private func length(of request: Request) -> Int {
        request.headers[.contentLength].flatMap { Int($0) } ?? bodies.longestEvidence
    }
}
