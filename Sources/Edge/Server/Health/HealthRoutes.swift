import Administration
import HTTP
import HTTPEdge
import Metrics
import VirteeDialect

/// `/livez`, `/readyz` and `/metrics`: for a supervisor, a load balancer and Prometheus.
struct HealthRoutes: Sendable {
    let monitor: Monitor
    let readiness: Readiness
    let networks: NetworkList
    /// What an operator should not forget, one line each; told to operators only.
    let warnings: [String]

    /// Adds what says that the process lives, and nothing more.
    static func addLiveness(to router: Router<KBSRequestContext>) {
        router.get("livez") { _, _ in RefusalResponse.text(.ok, "ok\n") }
        router.refuseOtherMethods(on: "livez", than: [.get])
    }

    func addRoutes(to router: Router<KBSRequestContext>) {
        Self.addLiveness(to: router)
        router.get("readyz") { request, context in
            let results = await readiness.results()
            let isReady = results.allSatisfy { $0.failure == nil }
            let showsReasons = isOperator(request, context)
            return RefusalResponse.text(
                isReady ? .ok : .serviceUnavailable,
                Self.page(results, showsReasons: showsReasons)
                    + (showsReasons ? warnings.map { "warning \($0)\n" }.joined() : ""))
        }
        router.get("metrics") { request, context in
            guard isOperator(request, context) else {
                return RefusalResponse.text(
                    .forbidden,
                    "Metrics are for \(networks.isEmpty ? "nobody" : "some networks only"): ask the operator to add "
                        + "yours to metrics.networks.")
            }
            return Response(
                status: .ok, headers: [.contentType: PrometheusRegistry.contentType],
                body: .bytes(Array(await monitor.page().utf8)))
        }
        for path: RouterPath in ["readyz", "metrics"] {
            router.refuseOtherMethods(on: path, than: [.get])
        }
    }

    /// Behind a proxy everyone has the proxy's address: such a request comes from anywhere.
    private func isOperator(_ request: Request, _ context: KBSRequestContext) -> Bool {
        networks.contains(context.remoteAddress) && !request.cameThroughProxy
    }

    private static func page(_ results: [Readiness.Result], showsReasons: Bool) -> String {
        results.map { result in
            guard let failure = result.failure else { return "ok \(result.name)\n" }
            guard showsReasons else { return "failed \(result.name)\n" }
            return "failed \(result.name): \(failure.replacing("\n", with: " "))\n"
        }.joined()
    }
}
