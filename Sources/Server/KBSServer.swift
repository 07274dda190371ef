import Administration
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
    private let loggers: Loggers
    private var logger: Logger { loggers[.kbs] }
    /// Is told the address once the server listens.
    private let onListening: @Sendable (Settings.Address) async -> Void

    public init(
        _ settings: Settings, logger: Logger,
        onListening: @escaping @Sendable (Settings.Address) async -> Void = { _ in }
    ) {
        self.init(settings, loggers: Loggers(all: logger), onListening: onListening)
    }

    public init(
        _ settings: Settings, loggers: Loggers,
        onListening: @escaping @Sendable (Settings.Address) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.loggers = loggers
        self.onListening = onListening
    }

    /// Serves until SIGTERM or SIGINT, then lets requests in flight finish.
    public func run() async throws {
        let folder = try DataFolder(settings.dataFolder)
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
        let log = EventLog(logger: loggers[.broker])
        let endorsementLog = EventLog(logger: loggers[.endorsements])
        let trail = try await Trail(folder, settings)
        let readiness = Readiness([
            ReadinessCheck("database") { try await folder.store.probe() }, ReadinessCheck("trail", run: trail.check.run),
        ])
        let monitor = Monitor(folder.store, readiness: readiness)
        let library = EndorsementLibrary(
            cache: folder.store, folder: settings.endorsementsFolder.map(CertificateFolder.init),
            vendor: client.flatMap { client in
                settings.keyDistribution.map {
                    KeyDistributionService(client: client, configuration: $0, reportingTo: { monitor.broker($0) })
                }
            },
            reportingTo: {
                endorsementLog($0)
                monitor.broker($0)
            })
        let broker = Broker(
            store: folder.store, endorsements: library, keys: folder.keys, anchors: try settings.anchors(),
            policy: settings.policy, lifetimes: settings.lifetimes, recordsPerMinute: settings.refusalsPerMinute,
            reportingTo: {
                log($0)
                monitor.broker($0)
            })
        warn()
        do { try await trail.check.run() } catch {
            logger.critical("THE AUDIT TRAIL IS NOT WHAT IT WAS.", metadata: ["problem": "\(error)"])
        }
        try await broker.record(
            AuditRecord(.startServer, by: .server, details: ["version": KBSVersion.text], at: Date()))
        var serving = ServiceGroupConfiguration(
            services: [
                .init(
                    service: application(broker, folder.store, trail, monitor, readiness),
                    successTerminationBehavior: .gracefullyShutdownGroup),
                .init(
                    service: Housekeeping(
                        broker: broker, store: folder.store, attemptsKept: settings.attemptsKept, logger: loggers[.storage])),
                // Last, so that it is stopped first.
                .init(
                    service: DrainService(
                        readiness: readiness, delay: .seconds(settings.drainDelay), logger: logger)),
            ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        serving.maximumGracefulShutdownDuration = .seconds(settings.drainDelay + settings.stopTimeout)
        // The last checkpoint is signed when all else has ended, the record of the end too.
        let signing = Task { await trail.writer(interval: settings.checkpointInterval, logger: loggers[.audit]).run() }
        let group = Task { try await ServiceGroup(configuration: serving).run() }
        let result = await withTaskCancellationHandler {
            await group.result
        } onCancel: {
            group.cancel()
        }
        try? await broker.recordOmissions()
        try? await broker.record(AuditRecord(.stopServer, by: .server, at: Date()))
        signing.cancel()
        await signing.value
        try result.get()
        logger.info("Stopped.")
    }

    private func application(
        _ broker: Broker, _ store: SQLiteStore, _ trail: Trail, _ monitor: Monitor, _ readiness: Readiness
    ) -> some ApplicationProtocol {
        let gate = Gate(gateConfiguration, broker: broker, tokens: store, client: .shared, logger: loggers[.administration])
        let router = Router(context: KBSRequestContext.self)
        router.add(
            middleware: ObservingMiddleware(
                metrics: monitor.http, logger: loggers[.http], networks: settings.metricsNetworks))
        router.add(middleware: RefusalMiddleware())
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: RefusalCounter(metrics: monitor.broker))
        HealthRoutes(monitor: monitor, readiness: readiness, networks: settings.metricsNetworks).addRoutes(to: router)
        VirteeDialect<KBSRequestContext>(broker: broker, replacesWorkloads: settings.replacesWorkloads) {
            try await gate.admit($0, $1, to: .changeWorkloads).actor
        }.addRoutes(to: router)
        let started = Date()
        AdministrationAPI<KBSRequestContext>(
            LocalAdministrator(broker, store: store, signer: { trail.key }, actor: .server), gate: gate,
            status: {
                ServerStatus(
                    version: KBSVersion.text, started: started, workloads: try await store.countWorkloads(),
                    sessions: try await store.countSessions(at: Date()), head: try await store.auditHead())
            }, settings: settings.texts
        ).addRoutes(to: router)
        let http = HTTP1Channel.Configuration(
            idleTimeout: .seconds(Int64(settings.idleTimeout)),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: 16 * 1_024, maxHeaderListSize: 32 * 1_024, maxHeaderFieldCount: 100))
        var quiet = loggers[.http]
        quiet.logLevel = max(quiet.logLevel, .notice)
        return Application(
            router: router,
            server: HTTPServerBuilder {
                CountedChannel(
                    base: PinnedHTTP1Channel(base: HTTP1Channel(responder: $0, configuration: http)),
                    open: monitor.connections)
            },
            configuration: .init(address: .hostname(settings.listen.host, port: settings.listen.port)),
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? settings.listen.port
                let address = Settings.Address(host: settings.listen.host, port: port)
                logger.info("Listening.", metadata: ["address": "http://\(address)/kbs/v0"])
                await onListening(address)
            }, logger: quiet)
    }

    private var gateConfiguration: Gate.Configuration {
        var configuration = Gate.Configuration()
        configuration.networks = settings.registrationNetworks
        configuration.listensOnLoopback = settings.listen.isLoopback
        configuration.issuer = settings.jwt.issuer.isEmpty ? nil : settings.jwt
        configuration.certificates = settings.clientCertificates
        return configuration
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
struct KBSRequestContext: CallerContext {
    var coreContext: CoreRequestContextStorage
    let remoteAddress: SocketAddress?
    let peerCertificate: [UInt8]? = nil

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress
    }
}
