import Concurrency
public import Tracing

/// Keeps the spans that end while it is the tracer, for a test to look at.
public final class InMemoryTracer: Tracer {
    private let spans = Lock<[FinishedSpan]>([])

    public init() {}

    public func record(_ span: FinishedSpan) { spans.withLock { $0.append(span) } }

    /// In the order in which they ended.
    public var finishedSpans: [FinishedInMemorySpan] { spans.withLock { $0.map(FinishedInMemorySpan.init) } }
}

/// A span as it would be seen at a collector, with its ids in hex.
public struct FinishedInMemorySpan: Sendable {
    public let span: FinishedSpan

    public init(_ span: FinishedSpan) { self.span = span }

    public var operationName: String { span.operationName }
    public var kind: SpanKind { span.kind }
    public var traceID: String { span.context.traceID.description }
    public var spanID: String { span.context.spanID.description }
    public var parentSpanID: String? { span.parentSpanID?.description }
    public var attributes: SpanAttributes { span.attributes }
    public var status: SpanStatus? { span.status }
    public var errors: [SpanError] { span.errors }
}

/// Has what `body` does recorded by `tracer`, and nobody else's spans.
public func withTracer<T>(_ tracer: any Tracer, _ body: () async throws -> T) async rethrows -> T {
    var context = ServiceContext.current ?? .topLevel
    context.tracer = tracer
    return try await ServiceContext.$current.withValue(context) { try await body() }
}
