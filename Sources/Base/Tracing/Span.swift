import Concurrency
import Glibc

/// A span's role in a remote call.
public enum SpanKind: Sendable, Hashable {
    case `internal`
    /// Answers a request.
    case server
    /// Sends a request.
    case client
}

/// The outcome of a span.
public enum SpanStatus: Sendable, Hashable { case ok, error }

/// An error in a span: its type only, as its text may quote untrusted input or a secret's location.
public struct SpanError: Sendable, Hashable {
    public let type: String
    /// Nanoseconds since 1970.
    public let time: UInt64
}

/// A step of a trace, recorded when it ends.
public final class Span: Sendable {
    /// The context of the step's own calls, in which child spans are made.
    public let context: ServiceContext
    public let operationName: String
    public let kind: SpanKind

    private let spanContext: SpanContext
    private let parent: SpanID?
    private let tracer: any Tracer
    /// By the real-time and the monotonic clock.
    private let start: (time: UInt64, ticks: UInt64)
    private let state = Lock(State())

    private struct State {
        var attributes = SpanAttributes()
        var status: SpanStatus?
        var errors: [SpanError] = []
        var hasEnded = false
    }

    private static let mostErrors = 8

    fileprivate init(_ operationName: String, _ kind: SpanKind, _ tracer: any Tracer, in context: ServiceContext) {
        let parent = context.spanContext
        spanContext = SpanContext(traceID: parent?.traceID ?? TraceID(), spanID: SpanID(), isSampled: true)
        self.operationName = operationName
        self.kind = kind
        self.tracer = tracer
        self.parent = parent?.spanID
        var own = context
        own.spanContext = spanContext
        self.context = own
        start = (nanoseconds(CLOCK_REALTIME), nanoseconds(CLOCK_MONOTONIC))
    }

    public var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    public func setStatus(_ status: SpanStatus) { state.withLock { $0.status = status } }

    public func recordError(_ error: any Error) {
        let found = SpanError(type: "\(type(of: error))", time: nanoseconds(CLOCK_REALTIME))
        state.withLock { if $0.errors.count < Self.mostErrors { $0.errors.append(found) } }
    }

    /// Records the span. Later changes have no effect.
    public func end() {
        let ended = state.withLock { state -> State? in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let ended else { return }
        let lasted = nanoseconds(CLOCK_MONOTONIC) - start.ticks
        tracer.record(
            FinishedSpan(
                operationName: operationName, kind: kind, context: spanContext, parentSpanID: parent,
                startTime: start.time, endTime: start.time + lasted, attributes: ended.attributes,
                status: ended.status, errors: ended.errors))
    }
}

/// A recorded span.
public struct FinishedSpan: Sendable {
    public let operationName: String
    public let kind: SpanKind
    public let context: SpanContext
    /// nil for a trace's first span.
    public let parentSpanID: SpanID?
    /// Nanoseconds since 1970.
    public let startTime, endTime: UInt64
    public let attributes: SpanAttributes
    public let status: SpanStatus?
    public let errors: [SpanError]
}

/// Begins a span in the current task's context.
///
/// - Returns: nil without a tracer, or when the trace is not sampled.
func startSpan(_ operationName: @autoclosure () -> String, ofKind kind: SpanKind = .internal) -> Span? {
    guard let tracer = InstrumentationSystem.tracer else { return nil }
    let context = ServiceContext.current ?? .topLevel
    if let parent = context.spanContext, !parent.isSampled { return nil }
    return Span(operationName(), kind, tracer, in: context)
}

/// Runs a step in a span of its own.
///
/// Without a tracer, the default, it costs one check: no span, name or task-local value is made.
///
/// - Parameter body: gets the span; nil when it is not recorded.
public func withSpan<T>(
    _ operationName: @autoclosure () -> String, ofKind kind: SpanKind = .internal,
    _ body: (Span?) async throws -> T
) async rethrows -> T {
    guard let span = startSpan(operationName(), ofKind: kind) else { return try await body(nil) }
    defer { span.end() }
    do {
        return try await ServiceContext.$current.withValue(span.context) { try await body(span) }
    } catch {
        span.recordError(error)
        span.setStatus(.error)
        throw error
    }
}

private func nanoseconds(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(clamping: time.tv_sec) * 1_000_000_000 + UInt64(clamping: time.tv_nsec)
}
