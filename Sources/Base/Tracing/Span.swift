import Concurrency
import Glibc

/// Which side of an exchange a span is.
public enum SpanKind: Sendable, Hashable {
    case `internal`
    /// Answers a request from outside.
    case server
    /// Asks another process.
    case client
}

/// How what a span is about went.
public enum SpanStatus: Sendable, Hashable { case ok, error }

/// An error that happened in a span.
///
/// Only its type is kept: its text may quote what a stranger sent, or a secret's whereabouts.
public struct SpanError: Sendable, Hashable {
    public let type: String
    /// Nanoseconds since 1970.
    public let time: UInt64
}

/// A step of a trace, for as long as it lasts. It is recorded when it ends.
public final class Span: Sendable {
    /// What the step's own calls run in: its children are made in it.
    public let context: ServiceContext
    public let operationName: String
    public let kind: SpanKind

    private let spanContext: SpanContext
    private let parent: SpanID?
    private let tracer: any Tracer
    /// By the clock of the world, and by one that only goes forward.
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

    /// Has the span recorded. Whatever is said of it later is lost.
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

/// A step of a trace that is over.
public struct FinishedSpan: Sendable {
    public let operationName: String
    public let kind: SpanKind
    public let context: SpanContext
    /// nil: the trace began with it.
    public let parentSpanID: SpanID?
    /// Nanoseconds since 1970.
    public let startTime, endTime: UInt64
    public let attributes: SpanAttributes
    public let status: SpanStatus?
    public let errors: [SpanError]
}

/// Begins a span in the current task's context.
///
/// - Returns: nil when nobody records spans, or whoever began the trace does not want this one recorded.
func startSpan(_ operationName: @autoclosure () -> String, ofKind kind: SpanKind = .internal) -> Span? {
    guard let tracer = InstrumentationSystem.tracer else { return nil }
    let context = ServiceContext.current ?? .topLevel
    if let parent = context.spanContext, !parent.isSampled { return nil }
    return Span(operationName(), kind, tracer, in: context)
}

/// Runs a step in a span of its own, if anybody records spans.
///
/// Where nobody does, which is the rule, it costs one look at that: no span is made, no name, no task-local value.
///
/// - Parameter body: is given the span, or nil when it is not recorded.
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
