import Concurrency
import HTTP
import HTTPEdge
import HTTPServer
@testable import Installation
import Logging
import Metrics
import VirteeDialect

@testable import Server

/// A server's limits, TLS and connections as they are, with routes of the test's own.
struct SmallServer {
    let port: Int
    let limits: ServerLimits
    private let server: HTTP1Server

    /// Connections that are open.
    var openConnections: Int { server.openConnections }
    /// What bodies take in memory, in bytes.
    var bodiesInMemory: Int { server.bodiesInMemory }

    static func run(
        _ settings: LimitSettings = LimitSettings(), tls: CurrentTLS? = nil,
        routes: (Router<KBSRequestContext>) -> Void, _ body: (SmallServer) async throws -> Void
    ) async throws {
        let logger = Logger(label: "small") { _ in NoOpLogHandler() }
        let limits = ServerLimits(settings, logger: logger)
        let router = Router(context: KBSRequestContext.self)
        router.add(middleware: PeerCertificateMiddleware(tls: tls))
        router.add(middleware: RefusalMiddleware())
        limits.addMiddleware(to: router)
        routes(router)
        let registry = PrometheusRegistry(MetricDefinition.all)
        let log = ConnectionLog(
            counters: limits.counters, open: registry.gauge(.connections), metrics: HTTPMetrics(registry),
            logger: logger, tlsLogger: logger)
        let responder = router.responder(allowingDoubledSlashBefore: "/kbs/v0", logger: logger)
        let server = HTTP1Server(
            limits.configuration(idleTimeout: 60), tls: tls?.next, observing: { log($0) }
        ) { await responder.respond(to: $0) }
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
        for _ in 0..<6_000 {
            if limits.counters[limit] >= times { return limits.counters[limit] == times }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
