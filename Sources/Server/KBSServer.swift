import AsyncHTTPClient
import Broker
import Endorsements
import Evidence
import Foundation
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Storage
import UnixSignals
import VirteeDialect

/// A key broker, put together from its rooms.
public struct KBSServer: Sendable {
    private let settings: Settings
    private let logger: Logger
    /// Is told the address once the server listens.
    private let onListening: @Sendable (Settings.Address) async -> Void

    public init(
        _ settings: Settings, logger: Logger,
        onListening: @escaping @Sendable (Settings.Address) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until SIGTERM or SIGINT, then lets requests in flight finish.
    public func run() async throws {
        let folder = try DataFolder(settings)
        let client = settings.keyDistribution.map { _ in KeyDistributionService.makeClient() }
        let result: Result<Void, any Error>
        do {
            try await serve(folder, client)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try? await client?.shutdown()
        try? folder.store.close()
        try result.get()
    }

    private func serve(_ folder: DataFolder, _ client: HTTPClient?) async throws {
        let log = EventLog(logger: logger)
        let library = EndorsementLibrary(
            cache: folder.store, folder: settings.endorsementsFolder.map(CertificateFolder.init),
            vendor: client.flatMap { client in
                settings.keyDistribution.map { KeyDistributionService(client: client, configuration: $0) }
            }, reportingTo: { log($0) })
        let broker = Broker(
            store: folder.store, endorsements: library, keys: folder.keys, anchors: try settings.anchors(),
            policy: settings.policy, lifetimes: settings.lifetimes, reportingTo: { log($0) })
        warn()
        var serving = ServiceGroupConfiguration(
            services: [
                .init(
                    service: application(broker, folder.store), successTerminationBehavior: .gracefullyShutdownGroup),
                .init(service: SessionSweeper(store: folder.store, logger: logger)),
                .init(service: KeyRotation(keys: folder.keys, store: folder.store, logger: logger)),
            ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        serving.maximumGracefulShutdownDuration = .seconds(settings.stopTimeout)
        try await ServiceGroup(configuration: serving).run()
        logger.info("Stopped.")
    }

    private func application(_ broker: Broker, _ store: SQLiteStore) -> some ApplicationProtocol {
        let gate = RegistrationGate(networks: settings.registrationNetworks)
        let router = Router(context: KBSRequestContext.self)
        router.add(middleware: RefusalMiddleware())
        VirteeDialect(broker: broker, replacesWorkloads: settings.replacesWorkloads) { try gate.admit($0, from: $1) }
            .addRoutes(to: router)
        WorkloadRoutes(broker: broker, store: store, gate: gate).addRoutes(to: router)
        let http = HTTP1Channel.Configuration(
            idleTimeout: .seconds(Int64(settings.idleTimeout)),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1_024, maxHeaderListSize: 32 * 1_024, maxHeaderFieldCount: 100))
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        return Application(
            router: router,
            server: HTTPServerBuilder { PinnedHTTP1Channel(base: HTTP1Channel(responder: $0, configuration: http)) },
            configuration: .init(address: .hostname(settings.listen.host, port: settings.listen.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? settings.listen.port
                let address = Settings.Address(host: settings.listen.host, port: port)
                logger.info("Listening.", metadata: ["address": "http://\(address)/kbs/v0"])
                await onListening(address)
            }, logger: quiet)
    }

    /// Says what a security reviewer would want to be told.
    private func warn() {
        if let roots = settings.simulatedRoots {
            let names = (Array(roots.snp.keys) + roots.sev.keys).sorted().joined(separator: ", ")
            logger.critical(
                """
                THIS SERVER TRUSTS SIMULATED HARDWARE. Whoever holds its keys gets every secret. \
                Never run it with real ones.
                """, metadata: ["roots": "\(names)"])
        }
        if settings.policy.allowsSNPDebug || settings.policy.allowsSEVDebug {
            logger.warning("Guests that their host may read are accepted, if they are registered so.")
        }
        if settings.policy.allowsProvisionalFirmware {
            logger.warning("Hosts whose firmware can be rolled back are accepted.")
        }
    }
}

/// What a request carries along: the caller's address.
struct KBSRequestContext: RequestContext, RemoteAddressRequestContext {
    var coreContext: CoreRequestContextStorage
    let remoteAddress: SocketAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}

/// Removes sessions that have expired, once a minute.
struct SessionSweeper: Service {
    let store: any Store
    let logger: Logger

    func run() async throws {
        while !Task.isShuttingDownGracefully {
            do {
                let swept = try await store.sweepSessions(before: Date())
                if swept > 0 { logger.debug("Swept sessions.", metadata: ["count": "\(swept)"]) }
            } catch {
                logger.error("Sessions could not be swept.", metadata: ["error": "\(error)"])
            }
            do {
                try await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(60)) }
            } catch is CancellationError {
                return
            }
        }
    }
}
