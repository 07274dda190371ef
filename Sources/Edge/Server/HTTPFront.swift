import Concurrency
import Dispatch
import FoundationEssentials
import HTTP
import HTTPServer
import Installation
import Lifecycle
import Logging

/// The sockets that a server listens on.
struct ListeningSockets: Sendable {
    /// Sockets for all calls, with TLS if configured.
    let all: [ListeningSocket]
    /// Sockets for guests' calls only, without TLS.
    let guests: [ListeningSocket]

    /// - Throws: ``InvalidSetting`` or a `SocketFailure`, with the remedy.
    init(_ settings: Settings) throws {
        all = try settings.listeningAddresses().map { try ListeningSocket($0) }
        guests = try settings.guestsListen.map { [try ListeningSocket($0.listening, isPlain: true)] } ?? []
    }

    var names: String { (all + guests).map { "\($0.address)" }.joined(separator: " and ") }
}

/// The service that runs the HTTP server on its sockets.
struct HTTPFront: Service {
    let server: HTTP1Server
    let sockets: ListeningSockets
    let isSecure: Bool
    let stopTimeout: Duration
    let manager: ServiceManager?
    let logger: Logger
    /// Called with each address once it is served.
    let onListening: @Sendable (Settings.Address) async -> Void

    func run(until stop: StopRequest) async throws {
        try server.start(sockets.all + sockets.guests)
        for socket in sockets.guests {
            logger.info("Listening for guests alone.", metadata: ["address": "http://\(socket.address)"])
        }
        for socket in sockets.all {
            switch socket.address {
            case .tcp(let host, let port):
                let address = Settings.Address(host: host, port: Int(port))
                logger.info(
                    "Listening.", metadata: ["address": "\(isSecure ? "https" : "http")://\(address)/kbs/v0"])
                await onListening(address)
            case .unix(let path, _, _): logger.info("Listening.", metadata: ["socket": "unix:\(path)"])
            }
        }
        manager?.ready("listening on \(sockets.names)")
        await withTaskGroup(of: Void.self) { group in
            if let manager, let watchdog = manager.watchdog {
                group.addTask { await tellAlive(manager, every: watchdog / 2, until: stop) }
            }
            await stop.wait()
        }
        await server.stop(within: Task.isCancelled ? .zero : stopTimeout)
    }

    /// Notifies the watchdog after every event loop has run.
    private func tellAlive(_ manager: ServiceManager, every pause: Duration, until stop: StopRequest) async {
        repeat {
            await server.roundTrip()
            manager.alive()
        } while await stop.sleep(for: pause)
    }

    /// Announces to clients that connections end; still accepts new ones.
    func announceEnd() { server.announceEnd() }
}
