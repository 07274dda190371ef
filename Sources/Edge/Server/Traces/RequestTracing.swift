import Broker
import Concurrency
import HTTP
import HTTPEdge
import Metrics
import Tracing

/// Decides whether a request's spans are recorded, by whom, and as part of which trace.
///
/// A caller's `traceparent` names the trace, and may say that it is not wanted. That it is wanted changes nothing: what
/// strangers have recorded is bounded by an allowance, for each address and for all.
struct RequestTracing: Sendable {
    /// `nil`: whoever records what the server's own task, or its process, does.
    let tracer: (any Tracer)?
    /// Counts requests that were not traced since the allowance was used up.
    let leftOut: Counter?
    private let budget = TraceBudget()

    init(_ tracer: (any Tracer)?, leftOut: Counter?) { (self.tracer, self.leftOut) = (tracer, leftOut) }

    /// Puts into a request's context what its spans need. Where nobody records them, that is nothing.
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

/// How many requests are traced: a boot has three, and each request some five spans.
final class TraceBudget: Sendable {
    /// For one address, which a cluster's guests may share.
    static let (perSecond, burst) = (50, 200)
    /// In all. The spans of a burst fit into the exporter's queue.
    static let (allPerSecond, allBurst) = (100, 400)

    private let addresses = RateLimiter(perSecond: perSecond, burst: burst)
    private let all = Allowance(every: .seconds(1) / allPerSecond, burst: allBurst)
    private let full = Lock(ContinuousClock.now)

    /// - Parameter address: `nil` for a Unix socket, whose callers share what is for all.
    /// - Returns: whether one more is traced.
    func take(_ address: IPAddress?, at now: ContinuousClock.Instant = .now) -> Bool {
        if let address, addresses.take(address, at: now) != nil { return false }
        return full.withLock { all.take(from: &$0, at: now) } == nil
    }
}
