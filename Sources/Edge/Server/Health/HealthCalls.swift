import Administration
import HTTP
import HTTPEdge
import Metrics

/// `/livez`, `/readyz` and `/metrics`: for a supervisor, a load balancer and Prometheus.
struct HealthCalls: Sendable {
    let monitor: Monitor
    let readiness: Readiness
    let networks: NetworkList
    /// Warnings for operators, one line each; not shown to others.
    let warnings: [String]

    /// Answers while the process is alive; checks nothing else.
    static let liveness = Call(.get, "livez", label: "live", isLimited: false, form: PlainText()) { _ in
        Response(status: .ok, text: "ok\n")
    }

    var calls: [Call] {
        [
            Self.liveness,
            Call(.get, "readyz", label: "ready", isLimited: false, form: PlainText()) { request in
                let results = await readiness.results()
                let isReady = results.allSatisfy { $0.failure == nil }
                let showsReasons = isOperator(request)
                return Response(
                    status: isReady ? .ok : .serviceUnavailable,
                    text: Self.page(results, showsReasons: showsReasons)
                        + (showsReasons ? warnings.map { "warning \($0)\n" }.joined() : ""))
            },
            Call(.get, "metrics", label: "metrics", form: PlainText()) { request in
                guard isOperator(request) else {
                    return Response(
                        status: .forbidden,
                        text:
                            "Metrics are for \(networks.isEmpty ? "nobody" : "some networks only"): ask the operator to "
                            + "add yours to metrics.networks.")
                }
                return Response(
                    status: .ok, headers: [.contentType: PrometheusRegistry.contentType],
                    body: Array(await monitor.page().utf8))
            },
        ]
    }

    /// Whether the request comes from an operator's network. Behind a proxy every client has the proxy's address, so
    /// such a request does not count.
    private func isOperator(_ request: Request) -> Bool {
        networks.contains(request.address) && !request.cameThroughProxy
    }

    private static func page(_ results: [Readiness.Result], showsReasons: Bool) -> String {
        results.map { result in
            guard let failure = result.failure else { return "ok \(result.name)\n" }
            guard showsReasons else { return "failed \(result.name)\n" }
            return "failed \(result.name): \(failure.replacing("\n", with: " "))\n"
        }.joined()
    }
}
