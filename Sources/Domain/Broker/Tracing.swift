package import Tracing

/// Runs a step in a span of its own, if spans are recorded.
///
/// Without a recorder, the usual case, the cost is one check: no span, attribute or task-local value is made.
///
/// - Parameter body: receives the span; `nil` when spans are not recorded.
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
