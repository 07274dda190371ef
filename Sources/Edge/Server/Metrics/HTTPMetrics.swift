import HTTP
import Metrics

/// Counts requests by endpoint, method and class of status. Every counter is made beforehand, so
/// that a request costs two look-ups in small arrays and three atomic additions.
struct HTTPMetrics: Sendable {
    private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"]
    private static let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"]

    let inFlight: Gauge
    private let durations: [Histogram]
    private let requests: [Counter]
    private let malformed: [MalformedMessage.Part: Counter]

    init(_ registry: PrometheusRegistry) {
        inFlight = registry.gauge(.httpInFlight)
        malformed = Dictionary(
            uniqueKeysWithValues: MalformedMessage.Part.allCases.map {
                ($0, registry.counter(.malformed, ("part", $0.rawValue)))
            })
        durations = Endpoint.allCases.map { registry.histogram(.httpDuration, ("endpoint", $0.rawValue)) }
        requests = Endpoint.allCases.flatMap { endpoint in
            Self.methods.flatMap { method in
                Self.classes.map { status in
                    registry.counter(
                        .httpRequests, ("endpoint", endpoint.rawValue), ("method", method), ("status", status))
                }
            }
        }
    }

    /// A method as spans name it; `nil` for one that nobody knows.
    static func name(of method: HTTPRequest.Method) -> String? { methods.dropLast().first { $0 == method.rawValue } }

    func count(_ endpoint: Endpoint, _ method: HTTPRequest.Method, _ status: HTTPResponse.Status, _ duration: Duration)
    {
        let place = endpoint.place
        let method = Self.methods.firstIndex(of: method.rawValue) ?? Self.methods.count - 1
        let status = min(max(status.code / 100, 1), Self.classes.count) - 1
        durations[place].record(duration)
        requests[(place * Self.methods.count + method) * Self.classes.count + status].increment()
    }

    /// What came was no request.
    func count(_ message: MalformedMessage) { malformed[message.part]?.increment() }
}

extension Endpoint {
    /// Where it stands among all.
    fileprivate var place: Int { Self.places[self] ?? 0 }

    private static let places = Dictionary(uniqueKeysWithValues: zip(allCases, 0...))
}
