public import HTTP
public import HTTPClient
import Tracing

/// A collector of spans, such as OpenTelemetry's, that takes OTLP over HTTP.
public struct TraceCollector: Sendable {
    /// It answered, and did not take them.
    public struct Refused: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let endpoint: String
    private let headers: HTTPFields
    private let client: HTTP1Client

    /// - Parameters:
    ///   - endpoint: without `/v1/traces`, e.g. `http://127.0.0.1:4318`.
    ///   - headers: go with each request, such as a key that the collector asks for.
    public init(endpoint: String, headers: HTTPFields = [:], client: HTTP1Client) {
        self.endpoint = endpoint
        self.headers = headers
        self.client = client
    }

    /// For an ``OTLPExporter``: posts a batch, for ten seconds at most.
    ///
    /// - Throws: ``Refused``, or an `HTTPClientError`.
    public func post(_ spans: [UInt8]) async throws {
        var request = HTTPClientRequest(
            .post, url: endpoint, path: OTLPExporter.path, headers: headers, body: spans)
        request.headers[.contentType] = "application/json"
        let answer = try await client.execute(request, timeout: .seconds(10), upTo: 1 << 16)
        guard (200..<300).contains(answer.status.code) else {
            throw Refused(description: "The collector at \(endpoint) answered \(answer.status.code) to spans.")
        }
    }
}
