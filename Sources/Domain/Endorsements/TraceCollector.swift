import HTTP
public import HTTPClient
import Tracing

/// A collector of spans, such as OpenTelemetry's, that takes OTLP over HTTP.
public struct TraceCollector: Sendable {
    /// It answered, and did not take them.
    public struct Refused: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    private let endpoint: String
    private let client: HTTP1Client

    /// - Parameter endpoint: without `/v1/traces`, e.g. `http://127.0.0.1:4318`.
    public init(endpoint: String, client: HTTP1Client) {
        self.endpoint = endpoint
        self.client = client
    }

    /// For an ``OTLPExporter``: posts a batch, for ten seconds at most.
    ///
    /// - Throws: ``Refused``, or an `HTTPClientError`.
    public func post(_ spans: [UInt8]) async throws {
        let request = HTTPClientRequest(
            .post, url: endpoint, path: OTLPExporter.path, headers: [.contentType: "application/json"], body: spans)
        let answer = try await client.execute(request, timeout: .seconds(10), upTo: 1 << 16)
        guard (200..<300).contains(answer.status.code) else {
            throw Refused(description: "The collector at \(endpoint) answered \(answer.status.code) to spans.")
        }
    }
}
