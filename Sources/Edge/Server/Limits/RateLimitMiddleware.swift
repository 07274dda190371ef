import Broker
import HTTPEdge

/// Answers 429 to an address that makes too many requests.
struct RateLimitMiddleware<Context: RequestContext & RemoteAddressRequestContext>: RouterMiddleware {
    /// What an orchestrator asks to learn whether the server is alive: never limited.
    private static var exempt: Set<String> { ["/livez", "/readyz"] }

    let limiter: RateLimiter
    let counters: LimitCounters

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let caller = context.remoteAddress, !Self.exempt.contains(request.uri.path),
            let wait = limiter.take(caller)
        {
            counters.count(.rate)
            throw Refusal(
                .rateLimited,
                "Your address makes too many requests: wait, or have the operator raise limits.requests_per_second.",
                retryAfter: Int(wait.components.seconds) + 1)
        }
        return try await next(request, context)
    }
}
