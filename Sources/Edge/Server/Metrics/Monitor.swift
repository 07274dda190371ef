import Broker
import Dispatch
import FoundationEssentials
import Metrics
import Storage
import Tracing

/// The metrics of one server, and the page that exports them.
struct Monitor: Sendable {
    let broker: BrokerMetrics
    let http: HTTPMetrics
    let connections: Gauge
    /// Requests that were not traced because there were too many; `nil` without a collector.
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
    ///   - spans: the exporter whose counts are shown.
    ///   - databaseLog: also gets the events of PostgreSQL's connections.
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

    /// The page for Prometheus. Values that are not counted continuously are read now.
    func page() async -> String {
        // Listing ten thousand descriptors would block an event loop.
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
        // A database that cannot be read is shown by the readiness checks, and must not hide the other metrics.
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
