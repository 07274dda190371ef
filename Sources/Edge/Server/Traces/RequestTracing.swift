import Broker
import Concurrency
import HTTP
import HTTPEdge
import Metrics
import Tracing

/// Decides whether a request's spans are recorded, by which tracer, and in which trace.
///
/// A caller's `traceparent` names the trace, and may ask not to record it. Asking to record it has no effect:
/// strangers' traces are bounded by an allowance, for each address and for all.
struct RequestTracing: Sendable {
    /// The tracer of requests; `nil`: that of the server's task or process, if any.
    let tracer: (any Tracer)?
    /// Counts requests that were not traced because the allowance was used up.
    let leftOut: Counter?
    private let budget = TraceBudget()

    init(_ tracer: (any Tracer)?, leftOut: Counter?) { (self.tracer, self.leftOut) = (tracer, leftOut) }

    /// Prepares a request's context for its spans. Does nothing without a tracer.
    func begin(_ request: Request, from address: IPAddress?, in context: inout ServiceContext) {
        if let tracer { context.tracer = tracer }
        guard context.tracer != nil || InstrumentationSystem.tracer != nil else { return }
        let caller = request.headers[Self.field].flatMap { SpanContext(traceparent: $0) }
        context.spanContext = caller
        guard caller?.isSampled != false, !budget.take(address) else { return }
        leftOut?.increment()
        context.spanContext = SpanContext(
            traceID: caller?.traceID ?? TraceID(), spanID: caller?.spanID ?? SpanID(), isSampled: false)
    }

    private static let field = HTTPField.Name(SpanContext.headerName) ?? .xRequestID
}

/// The allowance of traced requests: a boot has three requests, and each request about five spans.
final class TraceBudget: Sendable {
    /// The allowance of one address, which a cluster's guests may share.
    static let (perSecond, burst) = (50, 200)
    /// The allowance of all addresses. The spans of a burst fit into the exporter's queue.
    static let (allPerSecond, allBurst) = (100, 400)

    private let addresses = RateLimiter(perSecond: perSecond, burst: burst)
    private let all = Allowance(every: .seconds(1) / allPerSecond, burst: allBurst)
    private let full = Lock(ContinuousClock.now)

    /// - Parameter address: `nil` for a Unix socket, whose callers use the allowance of all addresses only.
    /// - Returns: whether one more request is traced.
    func take(_ address: IPAddress?, at now: ContinuousClock.Instant = .now) -> Bool {
        if let address, addresses.take(address, at: now) != nil { return false }
        return full.withLock { all.take(from: &$0, at: now) } == nil
    }
}
