import Bytes
package import FoundationEssentials
package import HTTP
import HTTPClient

/// The collector of spans.
package struct TracingSettings: Sendable, Hashable {
    /// The collector's address, without `/v1/traces`; `nil`: no spans are recorded.
    package var endpoint: String?
    /// PEM. `nil`: the system's certificate authorities.
    package var authorities: URL?

    package init() {}

    /// The environment variable with header fields for the collector. They may hold secrets, so it is not a setting.
    package static let headersVariable = "OTEL_EXPORTER_OTLP_HEADERS"

    /// Reads `name=value,name=value`, with percent-encoded values.
    ///
    /// Source: OpenTelemetry Specification, "OpenTelemetry Protocol Exporter", which refers to W3C Baggage.
    /// - Throws: ``InvalidSetting``, which repeats nothing of the text.
    package static func headers(_ text: String) throws(InvalidSetting) -> HTTPFields {
        var request = HTTPClientRequest(url: "")
        for entry in text.split(separator: ",").map(\.trimmed) where !entry.isEmpty {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(\.trimmed)
            guard parts.count == 2, let name = HTTPField.Name(parts[0]), let value = PercentEncoding.decode(parts[1]),
                (try? request.add(name, value)) != nil
            else {
                throw InvalidSetting(
                    "\(headersVariable) should be pairs such as api-key=VALUE with commas between, percent-encoded")
            }
        }
        return request.headers
    }
}

/// The collector of spans.
extension SettingKey {
    static let tracing = [otlpEndpoint, otlpAuthorities]

    package static let otlpEndpoint = SettingKey(
        "tracing.otlp_endpoint",
        "OpenTelemetry collector that is sent spans as OTLP over HTTP, e.g. http://127.0.0.1:4318 "
            + "(also OTEL_EXPORTER_OTLP_ENDPOINT)",
        otherVariable: "OTEL_EXPORTER_OTLP_ENDPOINT"
    ) {
        let text = $0.text.isEmpty ? "" : try $0.url(example: "http://127.0.0.1:4318")
        guard !text.hasSuffix("/v1/traces") else { throw $0.invalid("without /v1/traces, which is put behind it") }
        $1.tracing.endpoint = text.isEmpty ? nil : text
    }

    package static let otlpAuthorities = SettingKey(
        "tracing.otlp_ca",
        "PEM file with the authorities of its certificate (default: the system's; also OTEL_EXPORTER_OTLP_CERTIFICATE)",
        otherVariable: "OTEL_EXPORTER_OTLP_CERTIFICATE"
    ) { $1.tracing.authorities = $0.file() }
}
