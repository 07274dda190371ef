import HTTPEdge
import Logging
import VirteeDialect

@testable import Server

/// A server's limits, TLS and connections as they are, with routes of the test's own.
struct SmallServer {
    let port: Int
    let limits: ServerLimits

    static func run(
        _ settings: LimitSettings = LimitSettings(), tls: CurrentTLS? = nil,
        routes: (Router<KBSRequestContext>) -> Void, _ body: (SmallServer) async throws -> Void
    ) async throws {
        let logger = Logger(label: "small") { _ in SwiftLogNoOpLogHandler() }
        let limits = ServerLimits(settings, logger: logger)
        let router = Router(context: KBSRequestContext.self)
        router.add(middleware: RefusalMiddleware())
        limits.addMiddleware(to: router)
        routes(router)
        let front = limits.front(tls, logger: logger)
        let (ports, report) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            router: router,
            server: HTTPServerBuilder { PinnedHTTP1Channel(base: HTTP1Channel(responder: $0), front: front) },
            configuration: .init(
                address: .hostname("127.0.0.1", port: 0), availableConnectionsDelegate: limits.connections.gate),
            onServerRunning: { report.yield($0.localAddress?.port ?? 0) }, logger: logger)
        let task = Task {
            defer { report.finish() }
            try await application.run()
        }
        defer { task.cancel() }
        guard let port = await ports.first(where: { _ in true }) else { return try await task.value }
        try await body(SmallServer(port: port, limits: limits))
    }

    /// Waits until a limit was reached as often as that.
    func reached(_ limit: LimitCounters.Limit, _ times: Int = 1) async -> Bool {
        for _ in 0..<1_000 {
            if limits.counters[limit] >= times { return limits.counters[limit] == times }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}
