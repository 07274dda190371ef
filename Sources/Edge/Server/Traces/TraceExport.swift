import Glibc
import HTTP
import HTTPClient
import Installation
import Lifecycle
import Logging
import Release
import Tracing

/// The collector's answer is not a success.
private struct SpansRefused: Error, CustomStringConvertible {
    let description: String
}

/// Exports the spans of requests to a collector while the server runs.
///
/// It must be the first service, so that it ends last, after the other services' spans are recorded.
struct TraceExport: Service {
    let exporter: OTLPExporter

    /// - Parameter headers: the value of `OTEL_EXPORTER_OTLP_HEADERS`.
    /// - Returns: `nil` when no collector is named.
    /// - Throws: ``InvalidSetting``.
    init?(_ settings: Settings, headers: String?, logger: Logger) throws {
        guard let endpoint = settings.tracing.endpoint else { return nil }
        let client = try settings.client(trusting: settings.tracing.authorities, of: .otlpAuthorities)
        var fields = try TracingSettings.headers(headers ?? "")
        fields[.contentType] = "application/json"
        exporter = OTLPExporter(resource: Self.resource) { event in
            switch event {
            case .failed(let error):
                logger.warning(
                    "The collector takes no spans: they are dropped until it does.", metadata: ["reason": "\(error)"])
            case .recovered: logger.notice("The collector takes spans again.")
            }
        } send: { [fields] spans in
            let request = HTTPClientRequest(
                .post, url: endpoint, path: OTLPExporter.path, headers: fields, body: spans)
            let answer = try await client.execute(request, timeout: .seconds(10), upTo: 1 << 16)
            guard (200..<300).contains(answer.status.code) else {
                throw SpansRefused(
                    description: "The collector at \(endpoint) answered \(answer.status.code) to spans.")
            }
        }
        logger.info("Spans go to a collector.", metadata: ["collector": "\(endpoint)"])
    }

    func run(until stop: StopRequest) async throws {
        let running = Task { await exporter.run() }
        await stop.wait()
        running.cancel()
        await running.value
    }

    /// Source: OpenTelemetry's semantic conventions, "Resource".
    private static var resource: SpanAttributes {
        var resource = SpanAttributes()
        resource["service.name"] = "kbs"
        resource["service.version"] = Build.version
        var name = [CChar](repeating: 0, count: 257)
        if gethostname(&name, name.count - 1) == 0 {
            resource["host.name"] = String(
                decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return resource
    }
}
