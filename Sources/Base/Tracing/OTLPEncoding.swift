import Formats

/// Spans in OTLP's JSON, for a collector's `/v1/traces`.
///
/// It is protobuf's JSON (64-bit numbers are text), but ids are hex.
/// Source: opentelemetry-proto, `trace.proto`; OpenTelemetry Protocol 1.3, "JSON Protobuf Encoding".
enum OTLPEncoding {
    /// - Parameter resource: the attributes of the spans' source: `service.name` and others.
    static func body(_ spans: [FinishedSpan], of resource: SpanAttributes) -> [UInt8] {
        let scope: JSONValue = ["scope": ["name": "kbs"], "spans": .array(spans.map(span))]
        let whole: JSONValue = [
            "resourceSpans": [["resource": ["attributes": attributes(resource)], "scopeSpans": [scope]]]
        ]
        return whole.encoded
    }

    private static func span(_ span: FinishedSpan) -> JSONValue {
        var json: JSONValue = [
            "traceId": .text("\(span.context.traceID)"), "spanId": .text("\(span.context.spanID)"),
            "name": .text(span.operationName), "kind": .integer(number(span.kind)),
            "startTimeUnixNano": .text("\(span.startTime)"), "endTimeUnixNano": .text("\(span.endTime)"),
        ]
        json["parentSpanId"] = span.parentSpanID.map { .text("\($0)") }
        json["attributes"] = attributes(span.attributes)
        if !span.errors.isEmpty { json["events"] = .array(span.errors.map(event)) }
        json["status"] = span.status.map { ["code": .integer($0 == .ok ? 1 : 2)] }
        return json
    }

    private static func number(_ kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        }
    }

    /// Source: OpenTelemetry's semantic conventions, "Exceptions on spans".
    private static func event(_ error: SpanError) -> JSONValue {
        var attributes = SpanAttributes()
        attributes["exception.type"] = error.type
        return [
            "timeUnixNano": .text("\(error.time)"), "name": "exception", "attributes": Self.attributes(attributes),
        ]
    }

    private static func attributes(_ attributes: SpanAttributes) -> JSONValue {
        .array(attributes.all.map { ["key": .text($0.name), "value": value($0.value)] })
    }

    private static func value(_ value: SpanAttribute) -> JSONValue {
        switch value {
        case .string(let text): ["stringValue": .text(text)]
        case .int64(let number): ["intValue": .text("\(number)")]
        }
    }
}
