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
    try await withSpan(name(), ofKind: kind) { span in
        do {
            let value = try await body(span)
            span?.attributes["kbs.outcome"] = "done"
            return value
        } catch {
            span?.attributes["kbs.outcome"] = (error as? Refusal)?.code.rawValue ?? "failed"
            throw error
        }
    }
}
