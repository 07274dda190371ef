import Broker
import Dispatch
import FoundationEssentials
import Metrics
import Storage
import Tracing

/// All that is counted in one server, and the page that shows it.
struct Monitor: Sendable {
    let broker: BrokerMetrics
    let http: HTTPMetrics
    let connections: Gauge
    /// Requests that were not traced since there were too many; `nil`: none is.
    let leftOut: Counter?
    private let spans: OTLPExporter?
    private let registry: PrometheusRegistry
    private let process: ProcessMetrics
    private let store: any ServerStore
    private let readiness: Readiness
    private let limits: LimitCounters
    private let workloads = CostlyCount()
    private let resources = CostlyCount()
    private let sessions = CostlyCount()
    private let certificateExpiry: @Sendable () -> Date?

    /// - Parameters:
    ///   - certificateExpiry: when the TLS certificate in use expires; `nil` without TLS.
    ///   - spans: whose counts are shown.
    ///   - databaseLog: is told of PostgreSQL's connections too.
    init(
        _ store: any ServerStore, readiness: Readiness, limits: LimitCounters,
        certificateExpiry: @escaping @Sendable () -> Date? = { nil }, spans: OTLPExporter? = nil,
        databaseLog: DatabaseLog? = nil
    ) {
        registry = PrometheusRegistry(MetricDefinition.all)
        broker = BrokerMetrics(registry)
        http = HTTPMetrics(registry)
        connections = registry.gauge(.connections)
        process = ProcessMetrics(registry)
        self.store = store
        self.readiness = readiness
        self.limits = limits
        self.certificateExpiry = certificateExpiry
        self.spans = spans
        leftOut = spans == nil ? nil : registry.counter(.leftOut)
        store.observeCommits { [broker] in broker($0) }
        if let store = store as? PostgreSQLStore {
            let lost = registry.counter(.lostConnections)
            store.observeConnections { event in
                if case .lost = event { lost.increment() }
                databaseLog?(event)
            }
        }
    }

    /// What Prometheus reads. What is not counted as it happens is asked for now.
    func page() async -> String {
        // A listing of ten thousand descriptors would hold an event loop up.
        await withCheckedContinuation { sampled in
            DispatchQueue.global(qos: .utility).async {
                process.sample()
                sampled.resume()
            }
        }
        registry.gauge(.writeQueueDepth).set(store.waitingWrites)
        if let store = store as? PostgreSQLStore {
            registry.gauge(.databaseConnections).set(store.openConnections)
        }
        // A database that cannot be read shows in the checks, and must not hide all the rest.
        async let workloads = workloads.value { [store] in try await store.countWorkloads() }
        async let resources = resources.value { [store] in try await store.countResources() }
        async let sessions = sessions.value { [store] in try await store.countSessions(at: Date()) }
        if let count = await workloads { registry.gauge(.workloads).set(count) }
        if let count = await resources { registry.gauge(.resources).set(count) }
        if let count = await sessions { registry.gauge(.sessions).set(count) }
        if let expiry = certificateExpiry() { registry.gauge(.certificateExpiry).set(expiry.timeIntervalSince1970) }
        if let (sent, dropped) = spans?.counts {
            registry.gauge(.spans, ("outcome", "sent")).set(Double(sent))
            registry.gauge(.spans, ("outcome", "dropped")).set(Double(dropped))
        }
        for limit in LimitCounters.Limit.allCases {
            registry.gauge(.limitsReached, ("limit", limit.rawValue)).set(limits[limit])
        }
        for result in await readiness.results() {
            registry.gauge(.readiness, ("check", result.name)).set(result.failure == nil ? 1 : 0)
        }
        return registry.render()
    }
}
