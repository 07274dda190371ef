import AsyncHTTPClient
import Broker
import Endorsements
import Evidence
import FoundationEssentials
public import Logging
import OpenPolicyAgent
import Lifecycle
import Storage

/// A key broker, put together from its rooms: see ``ServerParts`` for what they are.
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
        try ListeningRule.check(settings)
        let tls = try settings.tls.files().map { try CurrentTLS($0) }
        let folder = try await DataFolder(settings, migrates: settings.storage.migrates)
        let agent = try settings.policyAgent.map { configuration in
            do { return try OpenPolicyAgent(configuration) } catch {
                throw InvalidSetting("policy.opa.ca cannot be read: \(error)")
            }
        }
        let client = KeyDistributionService.makeClient()
        let result: Result<Void, any Error>
        do {
            try await serve(
                try await ServerParts(settings, loggers, folder: folder, client: client, agent: agent, tls: tls))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try? await client.shutdown()
        try? await agent?.shutdown()
        try? await folder.store.close()
        try result.get()
    }

    private func serve(_ parts: ServerParts) async throws {
        warn(isOpen: try await parts.isOpen)
        // That the database cannot be asked just now shows elsewhere.
        do { try await parts.trail.check.run() } catch is Refusal {} catch {
            logger.critical("THE AUDIT TRAIL IS NOT WHAT IT WAS.", metadata: ["problem": "\(error)"])
        }
        try await parts.broker.record(
            AuditRecord(.startServer, by: .server, details: ["version": Build.version], at: Date()))
        // The last checkpoint is signed when all else has ended, the record of the end too.
        let signing = Task {
            await parts.trail.writer(interval: settings.checkpointInterval, logger: loggers[.audit]).run()
        }
        let group = Task { try await services(of: parts).run() }
        let result = await withTaskCancellationHandler {
            await group.result
        } onCancel: {
            group.cancel()
        }
        do {
            try await parts.broker.recordOmissions()
            try await parts.broker.record(AuditRecord(.stopServer, by: .server, at: Date()))
        } catch {
            logger.error("The end could not be recorded in the trail.", metadata: ["error": "\(error)"])
        }
        signing.cancel()
        await signing.value
        try result.get()
        logger.info("Stopped.")
    }

    private func services(of parts: ServerParts) -> ServiceGroup {
        var serving = ServiceGroupConfiguration(
            services: [
                .init(
                    service: parts.application(onListening: onListening),
                    successTerminationBehavior: .gracefullyShutdownGroup),
                .init(
                    service: Housekeeping(
                        broker: parts.broker, store: parts.folder.store, attemptsKept: settings.attemptsKept,
                        logger: loggers[.storage])),
                .init(
                    service: KeyRotation(
                        keys: parts.folder.keys, store: parts.folder.store, logger: loggers[.storage],
                        onResealed: { count, active in await recordRotation(count, active, parts.broker) })),
                .init(service: TLSReloader(tls: parts.tls, onHangUp: { reloadKeys(of: parts) }, logger: loggers[.tls])),
                .init(service: LimitReport(counters: parts.limits.counters, logger: loggers[.http])),
                // Last, so that it is stopped first.
                .init(
                    service: DrainService(
                        readiness: parts.readiness, delay: .seconds(settings.drainDelay), logger: logger)),
            ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        serving.maximumGracefulShutdownDuration = .seconds(settings.drainDelay + settings.stopTimeout)
        return ServiceGroup(configuration: serving)
    }

    private func reloadKeys(of parts: ServerParts) {
        do { try parts.folder.keys.reload() } catch {
            logger.error("The master keys could not be read again.", metadata: ["error": "\(error)"])
        }
    }

    private func recordRotation(_ count: Int, _ active: String, _ broker: Broker) async {
        do {
            try await broker.record(
                AuditRecord(
                    .rotateKeys, by: .server, details: ["active": active, "resealed": "\(count)"], at: Date()))
        } catch {
            logger.error("A rotation could not be recorded.", metadata: ["error": "\(error)"])
        }
    }

    /// Says what a security reviewer would want to be told.
    ///
    /// - Parameter isOpen: whether nobody has set up who may administer.
    private func warn(isOpen: Bool) {
        if let roots = settings.simulatedRoots {
            let names = (Array(roots.snp.keys) + roots.sev.keys).sorted().joined(separator: ", ")
            logger.critical(
                """
                THIS SERVER TRUSTS SIMULATED HARDWARE. Whoever holds its keys gets every secret. \
                Never run it with real ones.
                """, metadata: ["roots": "\(names)"])
        }
        if settings.policy.allowsSample {
            logger.critical(
                """
                THIS SERVER ATTESTS GUESTS WITHOUT HARDWARE (--allow-sample). Anyone can be one. \
                Never run it with real secrets.
                """)
        }
        if settings.tls.allowsInsecureHTTP && settings.tls.certificate == nil {
            logger.warning("Registrations from other machines carry their secrets in the clear: there is no TLS.")
        }
        if isOpen {
            logger.warning(
                """
                No credentials are set up: everyone on this machine, and everyone whom a proxy here lets through, is an \
                administrator. Make a token: kbs token create --role admin
                """)
        }
        if settings.policy.allowsSNPDebug || settings.policy.allowsSEVDebug {
            logger.warning("Guests that their host may read are accepted, if they are registered so.")
        }
        if settings.policy.allowsProvisionalFirmware {
            logger.warning("Hosts whose firmware can be rolled back are accepted.")
        }
    }
}
