package import Tracing

/// Runs a step in a span of its own, if anybody records spans.
///
/// Where nobody does, which is the rule, it costs one look at that: no span is made, no attribute, and no task-local
/// value.
///
/// - Parameter body: is given the span, or `nil` when nobody records.
package func traced<T>(
    _ name: @autoclosure () -> String, ofKind kind: SpanKind = .internal,
    _ body: (Span?) async throws -> T
) async rethrows -> T {
    guard let span = startSpan(name(), ofKind: kind) else { return try await body(nil) }
    defer { span.end() }
    do {
        let value = try await ServiceContext.$current.withValue(span.context) { try await body(span) }
        span.attributes["kbs.outcome"] = "done"
        return value
    } catch {
        span.attributes["kbs.outcome"] = (error as? Refusal)?.code.rawValue ?? "failed"
        span.recordError(error)
        span.setStatus(SpanStatus(code: .error))
        throw error
    }
}
