import HTTP
import Metrics

/// Counts requests by endpoint, method and class of status.
struct HTTPMetrics: Sendable {
    fileprivate static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"]
    fileprivate static let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"]

    let inFlight: Gauge
    private let registry: PrometheusRegistry
    private let malformed: [MalformedMessage.Part: Counter]

    init(_ registry: PrometheusRegistry) {
        self.registry = registry
        inFlight = registry.gauge(.httpInFlight)
        malformed = Dictionary(
            uniqueKeysWithValues: MalformedMessage.Part.allCases.map {
                ($0, registry.counter(.malformed, ("part", $0.rawValue)))
            })
    }

    /// The counters of the calls with a label. They are created at the start, so that a request costs a look-up and
    /// three atomic additions.
    func endpoint(_ label: String) -> EndpointMetrics { EndpointMetrics(label, registry) }

    /// A method's name in spans; `nil` for an unknown method.
    static func name(of method: HTTPRequest.Method) -> String? { methods.dropLast().first { $0 == method.rawValue } }

    /// Counts a malformed message.
    func count(_ message: MalformedMessage) { malformed[message.part]?.increment() }
}

/// Counts the requests for the calls with one label.
struct EndpointMetrics: Sendable {
    private let durations: Histogram
    private let requests: [Counter]

    fileprivate init(_ label: String, _ registry: PrometheusRegistry) {
        durations = registry.histogram(.httpDuration, ("endpoint", label))
        requests = HTTPMetrics.methods.flatMap { method in
            HTTPMetrics.classes.map { status in
                registry.counter(.httpRequests, ("endpoint", label), ("method", method), ("status", status))
            }
        }
    }

    func count(_ method: HTTPRequest.Method, _ status: HTTPResponse.Status, _ duration: Duration) {
        let method = HTTPMetrics.methods.firstIndex(of: method.rawValue) ?? HTTPMetrics.methods.count - 1
        let status = min(max(status.code / 100, 1), HTTPMetrics.classes.count) - 1
        durations.record(duration)
        requests[method * HTTPMetrics.classes.count + status].increment()
    }
}
