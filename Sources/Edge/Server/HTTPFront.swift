import Concurrency
import Dispatch
import FoundationEssentials
import HTTP
import HTTPServer
import Lifecycle
import Logging

/// Serves HTTP on the server's sockets: limits of connections, TLS, and what stands behind the routes.
struct HTTPFront: Service {
    private let server: HTTP1Server
    private let sockets: [ListeningSocket]
    private let isSecure: Bool
    private let stopTimeout: Duration
    private let manager: ServiceManager?
    private let logger: Logger
    /// Is told each address once it is served.
    private let onListening: @Sendable (Settings.Address) async -> Void

    init(
        _ server: HTTP1Server, on sockets: [ListeningSocket], isSecure: Bool, stopTimeout: Duration,
        manager: ServiceManager?, logger: Logger, onListening: @escaping @Sendable (Settings.Address) async -> Void
    ) {
        self.server = server
        self.sockets = sockets
        self.isSecure = isSecure
        self.stopTimeout = stopTimeout
        self.manager = manager
        self.logger = logger
        self.onListening = onListening
    }

    func run(until stop: StopRequest) async throws {
        try server.start(sockets)
        for socket in sockets {
            switch socket.address {
            case .tcp(let host, let port):
                let address = Settings.Address(host: host, port: Int(port))
                logger.info(
                    "Listening.", metadata: ["address": "\(isSecure ? "https" : "http")://\(address)/kbs/v0"])
                await onListening(address)
            case .unix(let path, _, _): logger.info("Listening.", metadata: ["socket": "unix:\(path)"])
            }
        }
        manager?.ready("listening on \(sockets.map { "\($0.address)" }.joined(separator: " and "))")
        await withTaskGroup(of: Void.self) { group in
            if let manager, let watchdog = manager.watchdog {
                group.addTask { await tellAlive(manager, every: watchdog / 2, until: stop) }
            }
            await stop.wait()
        }
        await server.stop(within: Task.isCancelled ? .zero : stopTimeout)
    }

    /// It is the loops that must be alive.
    private func tellAlive(_ manager: ServiceManager, every pause: Duration, until stop: StopRequest) async {
        repeat {
            await server.comeRound()
            manager.alive()
        } while await stop.sleep(for: pause)
    }

    /// Tells clients that connections end, and goes on accepting.
    func announceEnd() { server.announceEnd() }
}
