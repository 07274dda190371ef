package import Tracing

/// Runs a step in a span of its own, if anybody records spans.
///
/// Where nobody does, which is the rule, it costs one look at who the instrument is: no span is made,
/// no attribute, and no task-local value.
///
/// - Parameter body: is given the span, or `nil` when nobody records.
package func traced<T>(
    _ name: @autoclosure () -> String, ofKind kind: SpanKind = .internal,
    _ body: ((any Span)?) async throws -> T
) async rethrows -> T {
    guard !(InstrumentationSystem.instrument is NoOpInstrument) else { return try await body(nil) }
    let span = startSpan(name(), ofKind: kind)
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
