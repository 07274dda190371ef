import Broker
import Evidence
import Files
import FoundationEssentials
import HTTPServer
package import Installation
import Lifecycle
package import Logging
import MasterKeys
import Release
import Storage

/// A key broker server, assembled from ``ServerParts``.
package struct KBSServer: Sendable {
    private let settings: Settings
    private let loggers: Loggers
    private var logger: Logger { loggers[.kbs] }
    /// The service manager (systemd); `nil` without one.
    private let manager: ServiceManager?
    private let environment: [String: String]
    /// Called with each TCP address once the server listens on it.
    private let onListening: @Sendable (Settings.Address) async -> Void

    package init(
        _ settings: Settings, logger: Logger,
        onListening: @escaping @Sendable (Settings.Address) async -> Void = { _ in }
    ) {
        self.init(settings, loggers: Loggers(all: logger), onListening: onListening)
    }

    /// - Parameter environment: the process's environment. It names the service manager's socket, if there is one, and
    ///   holds the collector's header fields.
    package init(
        _ settings: Settings, loggers: Loggers, environment: [String: String] = [:],
        onListening: @escaping @Sendable (Settings.Address) async -> Void = { _ in }
    ) {
        self.settings = settings
        self.loggers = loggers
        self.environment = environment
        manager = ServiceManager(environment)
        self.onListening = onListening
    }

    /// Serves until SIGTERM, SIGINT or SIGQUIT, then lets requests in flight finish.
    package func run() async throws {
        let signals = ServerSignals(logger: logger, manager: manager)
        defer { signals.end() }
        logger.info(
            "This is swift-kbs \(Build.version).",
            metadata: RunningLibraries.current.fields.mapValues { "\($0)" })
        let variables = LibraryVariables.present(in: environment)
        if !variables.isEmpty {
            logger.notice(
                "Libraries of this server read environment variables: SECURITY.md says what they change.",
                metadata: ["variables": "\(variables.joined(separator: ", "))"])
        }
        try ListeningRule.check(settings)
        if settings.tls.allowsInsecureHTTP && settings.tls.certificate == nil {
            logger.warning("There is no TLS: registrations from other machines carry their secrets in the clear.")
        }
        let tls = try settings.tls.files().map { try CurrentTLS($0) }
        let traces = try TraceExport(
            settings, headers: environment[TracingSettings.headersVariable], logger: logger)
        // Before the database and the trail are touched: if another server listens already, the start ends here.
        let sockets = try ListeningSockets(settings)
        do { try Folder.make(settings.dataFolder.filePath) } catch {
            throw InvalidSetting("the data folder \(error.description)")
        }
        let lock = try ServingLock(settings.dataFolder, address: sockets.names)
        defer { withExtendedLifetime(lock) {} }
        let folder = try await DataFolder(settings, migrates: settings.storage.migrates)
        let result: Result<Void, any Error>
        do {
            let parts = try await ServerParts(
                settings, loggers, folder: folder, agent: try settings.openPolicyAgent(), tls: tls, traces: traces)
            try await serve(parts, on: sockets, signals)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try? await folder.store.close()
        try result.get()
    }

    private func serve(_ parts: ServerParts, on sockets: ListeningSockets, _ signals: ServerSignals) async throws {
        warn(isFresh: try await parts.isFresh)
        warnOfReaders(parts.folder.reader)
        // A database that is unreachable now is reported by the readiness checks.
        do { try await parts.trail.check.run() } catch is Refusal {} catch {
            parts.trail.check.report(error, to: logger)
        }
        try await parts.broker.record(.start(settings, at: Date()))
        // The last checkpoint is signed after everything else has ended, and so covers the record of the stop.
        let signing = Task {
            await parts.trail.writer(
                interval: settings.checkpointInterval, records: settings.checkpointRecords, logger: loggers[.audit]
            ).run()
        }
        let result: Result<Void, any Error>
        do {
            try await services(of: parts, on: sockets, signals).run(until: signals.stop)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        // A separate task records the stop even if this one was cancelled.
        await Task {
            do {
                try await parts.broker.recordOmissions()
                try await parts.broker.record(AuditRecord(.stopServer, by: .server, at: Date()))
            } catch {
                logger.error("The stop could not be recorded in the trail.", metadata: ["error": "\(error)"])
            }
        }.value
        signing.cancel()
        await signing.value
        try result.get()
        loggers.repeated?.report(isEnd: true)
        logger.info("Stopped.")
    }

    private func services(
        of parts: ServerParts, on sockets: ListeningSockets, _ signals: ServerSignals
    ) -> ServiceGroup {
        let reloader = TLSReloader(tls: parts.tls, logger: loggers[.tls])
        signals.onHangUp {
            reloadKeys(of: parts)
            reloader.reload()
        }
        let front = parts.front(on: sockets, manager: manager, onListening: onListening)
        return ServiceGroup(
            (parts.traces.map { [$0] } ?? []) + (loggers.repeated.map { [RepetitionReport(repeated: $0)] } ?? []) + [
                front,
                Housekeeping(
                    broker: parts.broker, store: parts.folder.store, attemptsKept: settings.attemptsKept,
                    logger: loggers[.storage]),
                parts.renewal,
                KeyRotation(
                    keys: parts.folder.keys, store: parts.folder.store, logger: loggers[.storage],
                    onResealed: { count, active in await recordRotation(count, active, parts.broker) }),
                reloader,
                LimitReport(counters: parts.limits.counters, logger: loggers[.http]),
                LibraryWatch(logger: logger),
                // Last in order, so that it stops first.
                DrainService(
                    readiness: parts.readiness, delay: .seconds(settings.drainDelay), logger: logger,
                    onStopping: {
                        manager?.stopping("stopping")
                        front.announceEnd()
                    }),
            ], gracePeriod: .seconds(settings.drainDelay + settings.stopTimeout + 5), logger: logger)
    }

    private func reloadKeys(of parts: ServerParts) {
        do { try parts.folder.keys.reload() } catch {
            logger.error("The master keys could not be read again.", metadata: ["error": "\(error)"])
        }
        warnOfReaders(parts.folder.reader)
    }

    private func warnOfReaders(_ reader: MasterKeyReader) {
        for warning in reader.warnings {
            logger.warning("The master key can be read by others.", metadata: ["problem": "\(warning)"])
        }
    }

    private func recordRotation(_ count: Int, _ active: String, _ broker: Broker) async {
        do {
            try await broker.record(
                AuditRecord(
                    .rotateKeys, by: .server, details: ["active": active, "resealed": "\(count)"], at: Date()))
        } catch {
            logger.error("A rotation could not be recorded in the trail.", metadata: ["error": "\(error)"])
        }
    }

    /// Logs the settings that weaken security.
    ///
    /// - Parameter isFresh: whether no credentials exist yet.
    private func warn(isFresh: Bool) {
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
        if isFresh, settings.opensAdministration, settings.listen.isLoopback {
            logger.critical(
                """
                EVERYONE ON THIS MACHINE IS AN ADMINISTRATOR (insecure_admin), and everyone whom a proxy here lets through. \
                Make a token: kbs token create --role admin
                """)
        } else if isFresh {
            let closed =
                settings.listensOnTCP && settings.listen.isLoopback
                ? "workloads can be registered from this machine, and all else that is administration"
                : "administration over the network"
            logger.warning(
                "No credentials are set up: \(closed) needs a token. Make one: kbs token create --role admin",
                metadata: ["data": "\(settings.dataFolder.filePath)"])
        }
        if settings.opensAdministration, !settings.listen.isLoopback {
            logger.warning("insecure_admin is ignored: this server listens on more than loopback. Remove it.")
        }
        if settings.policy.snp.allowsDebug || settings.policy.allowsSEVDebug {
            logger.warning("Guests that their host may debug are accepted, if registered so: the host can read them.")
        }
        if settings.policy.snp.minimumTCB.isEmpty {
            logger.warning(
                """
                Any SEV-SNP firmware will do, also with known vulnerabilities, unless a policy says otherwise: set \
                snp.minimum_tcb.milan, .genoa and .turin to what AMD's last security bulletin asks for.
                """)
        }
        if settings.policy.snp.allowsProvisionalFirmware {
            logger.warning("Hosts with uncommitted firmware, which can be rolled back, are accepted.")
        }
    }
}
