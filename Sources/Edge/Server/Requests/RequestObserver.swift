import Broker
import HTTP
import HTTPEdge
import Logging
import Metrics
import Tracing

/// Wraps the handling of a request: gives it an id, and makes id, counters, span and access log agree on its outcome.
///
/// No cookie, header or body is ever recorded; of a path only its pattern.
final class RequestObserver: Sendable {
    private let metrics: HTTPMetrics
    private let refused: BrokerMetrics
    private let tracing: RequestTracing
    private let logger: Logger
    private let networks: NetworkList
    private let counters: [String: EndpointMetrics]
    private let others: EndpointMetrics
    /// The context of the server's start: requests arrive on threads without one.
    private let surroundings = ServiceContext.current ?? .topLevel

    /// - Parameters:
    ///   - calls: the calls, for their labels.
    ///   - refused: counts refusals by their code.
    ///   - networks: networks whose `X-Request-Id` is used.
    init(
        _ calls: [Call], _ metrics: HTTPMetrics, refused: BrokerMetrics, tracing: RequestTracing, logger: Logger,
        networks: NetworkList
    ) {
        counters = Dictionary(calls.map { ($0.label, metrics.endpoint($0.label)) }) { first, _ in first }
        others = metrics.endpoint(CallTable.Match.unknown)
        self.metrics = metrics
        self.refused = refused
        self.tracing = tracing
        self.logger = logger
        self.networks = networks
    }

    func observe(
        _ request: Request, _ match: CallTable.Match, answering answer: () async -> Response
    ) async -> Response {
        let start = ContinuousClock.now
        metrics.inFlight.increment()
        defer { metrics.inFlight.decrement() }
        var here = surroundings
        let id = requestID(request)
        here.requestID = id
        here.caller = request.caller
        tracing.begin(request, from: request.address, in: &here)
        return await ServiceContext.$current.withValue(here) {
            var response = await traced("kbs.http.\(match.label)", ofKind: .server) { span in
                span?.attributes["http.request.method"] = HTTPMetrics.name(of: request.method) ?? "_OTHER"
                // The pattern: the path itself may name a workload or a resource.
                span?.attributes["http.route"] = match.path?.description
                span?.attributes["kbs.request"] = id.description
                let response = await answer()
                span?.attributes["http.response.status_code"] = Int64(response.status.code)
                if response.status.code >= 500 { span?.setStatus(.error) }
                return response
            }
            response.headers[.xRequestID] = id.description
            count(response, to: request, match.label, start.duration(to: .now))
            return response
        }
    }

    private func count(_ response: Response, to request: Request, _ label: String, _ duration: Duration) {
        if let refusal = response.refusal { refused(refusal) }
        (counters[label] ?? others).count(request.method, response.status, duration)
        logger.debug(
            "Answered.",
            metadata: [
                "method": "\(request.method.rawValue)", "endpoint": "\(label)", "status": "\(response.status.code)",
                "microseconds": "\(duration.nanoseconds / 1_000)",
            ])
    }

    private func requestID(_ request: Request) -> RequestID {
        guard let text = request.headers[.xRequestID], networks.contains(request.address) else {
            return RequestID()
        }
        return RequestID(text) ?? RequestID()
    }
}
