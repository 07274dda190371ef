import Concurrency
import HTTP
import HTTPEdge
import HTTPServer
@testable import Installation
import Logging
import Metrics

@testable import Server

extension LimitSettings {
    /// The defaults, with ten minutes for everything that a client does: a busy machine may let a test's own client wait
    /// for long.
    static var patient: LimitSettings {
        var settings = LimitSettings()
        (settings.headerTimeout, settings.bodyTimeout, settings.writeTimeout) = (600, 600, 600)
        return settings
    }
}

/// A server's limits, TLS and connections as they are, with calls of the test's own.
struct SmallServer {
    let port: Int
    let limits: ServerLimits
    private let server: HTTP1Server

    /// Connections that are open.
    var openConnections: Int { server.openConnections }
    /// What bodies take in memory, in bytes.
    var bodiesInMemory: Int { server.bodiesInMemory }

    static func run(
        _ settings: LimitSettings = .patient, tls: CurrentTLS? = nil, calls: [Call],
        _ body: (SmallServer) async throws -> Void
    ) async throws {
        let logger = Logger(label: "small") { _ in NoOpLogHandler() }
        let limits = ServerLimits(settings, logger: logger)
        let registry = PrometheusRegistry(MetricDefinition.all)
        let metrics = HTTPMetrics(registry)
        let log = ConnectionLog(
            counters: limits.counters, open: registry.gauge(.connections), metrics: metrics, logger: logger,
            tlsLogger: logger)
        let observer = RequestObserver(
            calls, metrics, refused: BrokerMetrics(registry), tracing: RequestTracing(nil, leftOut: nil),
            logger: logger,
            networks: .none)
        let handler = RequestHandler(
            calls: CallTable(calls, otherwise: PlainText()), gate: nil, limits: limits, observer: observer, tls: tls,
            proxies: .none, logger: logger)
        let server = HTTP1Server(
            limits.configuration(idleTimeout: 60), tls: tls?.next, observing: { log($0) }
        ) { await handler.respond(to: $0) }
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        guard case .tcp(_, let port) = socket.address else { return }
        try server.start([socket])
        do {
            try await body(SmallServer(port: Int(port), limits: limits, server: server))
        } catch {
            await server.stop(within: .zero)
            throw error
        }
        await server.stop(within: .zero)
    }

    /// Waits until a limit was reached as often as that.
    func reached(_ limit: LimitCounters.Limit, _ times: Int = 1) async -> Bool {
        for _ in 0..<15_000 {
            if limits.counters[limit] >= times { return limits.counters[limit] == times }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
