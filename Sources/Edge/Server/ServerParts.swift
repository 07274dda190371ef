import Administration
import Broker
import Bytes
import CoCoDialect
import Endorsements
import Files
import FoundationEssentials
import HTTP
import HTTPClient
import HTTPEdge
import HTTPServer
import JSONWebTokens
import Lifecycle
import Logging
import Release
import Storage
import VirteeDialect
import X509

/// What a server consists of, made from its settings.
struct ServerParts: Sendable {
    let settings: Settings
    let loggers: Loggers
    let folder: DataFolder
    /// Follows no redirects.
    private let client = HTTP1Client()
    /// What policies may ask beside their rules, and the routes for Trustee's policies pass them on to.
    let agent: (any PolicyAgent)?
    let broker: Broker
    let trail: Trail
    let readiness: Readiness
    let monitor: Monitor
    let limits: ServerLimits
    /// `nil`: plain HTTP.
    let tls: CurrentTLS?
    /// `nil`: no collector is sent spans.
    let traces: TraceExport?
    private let tokenIdentity: TokenIdentity?

    init(
        _ settings: Settings, _ loggers: Loggers, folder: DataFolder,
        agent: (any PolicyAgent)?, tls: CurrentTLS?, traces: TraceExport?
    ) async throws {
        tokenIdentity = try settings.guestComponents.identity()
        try settings.guestComponents.checkAssumptions()
        let trail = try await Trail(folder, settings)
        let readiness = Readiness(
            [
                ReadinessCheck("database") { try await folder.store.probe() },
                ReadinessCheck("trail", run: trail.check.run),
            ]
                + (folder.store.isShared ? [Self.clockCheck(folder.store)] : [])
                + [
                    tls.map { tls in
                        ReadinessCheck("certificate") {
                            guard tls.expiry > Date() else {
                                throw InvalidSetting("it expired on \(tls.expiry.formatted(.iso8601))")
                            }
                        }
                    }
                ].compactMap(\.self))
        let limits = ServerLimits(settings.limits, logger: loggers[.http])
        let monitor = Monitor(
            folder.store, readiness: readiness, limits: limits.counters, certificateExpiry: { tls?.expiry },
            spans: traces?.exporter, databaseLog: DatabaseLog(loggers[.storage]))
        let log = EventLog(logger: loggers[.broker])
        let endorsementLog = EventLog(logger: loggers[.endorsements])
        let client = client
        let vendor = settings.keyDistribution.map {
            KeyDistributionService(client: client, configuration: $0, reportingTo: { monitor.broker($0) })
        }
        let library = EndorsementLibrary(
            cache: folder.store, folder: settings.endorsementsFolder.map(CertificateFolder.init), vendor: vendor,
            reportingTo: {
                endorsementLog($0)
                monitor.broker($0)
            })
        let room = folder.store.isShared ? nil : DiskRoom(folder.url.filePath, logger: loggers[.storage])
        broker = Broker(
            store: folder.store, endorsements: library, keys: folder.keys, anchors: try settings.anchors(),
            policy: settings.policy, lifetimes: settings.lifetimes(on: folder.store),
            recordsPerMinute: (settings.strangersPerMinute, settings.refusalsPerMinute),
            asking: agent, longestResource: settings.limits.resource, hasRoom: { room?() ?? true },
            reportingTo: {
                log($0)
                monitor.broker($0)
            })
        self.settings = settings
        self.loggers = loggers
        self.folder = folder
        self.agent = agent
        self.trail = trail
        self.readiness = readiness
        self.monitor = monitor
        self.limits = limits
        self.tls = tls
        self.traces = traces
    }

    /// Servers that share a database agree on when a session ends only as far as their clocks do.
    private static func clockCheck(_ store: any ServerStore) -> ReadinessCheck {
        ReadinessCheck("clock") {
            let offset = try await store.clockOffset()
            guard abs(offset) <= Lifetimes.sharedClockTolerance else {
                let seconds = Int(abs(offset).rounded())
                throw InvalidSetting(
                    "this machine's clock is \(seconds) seconds \(offset > 0 ? "behind" : "ahead of") the database's: "
                        + "have both kept by NTP")
            }
        }
    }

    /// What serves HTTP.
    func front(
        on sockets: [ListeningSocket], manager: ServiceManager?,
        onListening: @escaping @Sendable (Settings.Address) async -> Void
    ) -> HTTPFront {
        let log = ConnectionLog(
            counters: limits.counters, open: monitor.connections, metrics: monitor.http, logger: loggers[.http],
            tlsLogger: loggers[.tls])
        var configuration = limits.configuration(idleTimeout: settings.idleTimeout)
        configuration.proxies = settings.trustedProxies
        // Some guests' clients put their calls behind a URL that ends in a slash.
        let responder = router.responder(
            allowingDoubledSlashBefore: "/kbs/v0", trusting: settings.trustedProxies, logger: loggers[.http])
        let server = HTTP1Server(configuration, tls: tls?.next, observing: { log($0) }) {
            await responder.respond(to: $0)
        }
        return HTTPFront(
            server, on: sockets, isSecure: tls != nil, stopTimeout: .seconds(settings.stopTimeout), manager: manager,
            logger: loggers[.kbs], onListening: onListening)
    }

    /// From the outside in: what observes, what turns errors into replies, what limits, and then the calls.
    private var router: Router<KBSRequestContext> {
        let gate = Gate(
            gateConfiguration, broker: broker, tokens: folder.store, client: client, logger: loggers[.administration])
        let router = Router(context: KBSRequestContext.self)
        router.add(
            middleware: ObservingMiddleware(
                metrics: monitor.http, tracing: RequestTracing(traces?.exporter, leftOut: monitor.leftOut),
                logger: loggers[.http], networks: settings.metricsNetworks))
        router.add(middleware: PeerCertificateMiddleware(tls: tls))
        router.add(middleware: RefusalMiddleware())
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: FailureMiddleware())
        router.add(middleware: RefusalCounter(metrics: monitor.broker))
        limits.addMiddleware(to: router)
        HealthRoutes(
            monitor: monitor, readiness: readiness, networks: settings.metricsNetworks,
            warnings: settings.policy.allowsSample ? ["guests without hardware are attested (--allow-sample)"] : []
        ).addRoutes(to: router)
        let virtee = VirteeDialect<KBSRequestContext>(
            broker: broker, replacesWorkloads: settings.replacesWorkloads, longestBody: settings.limits.body
        ) {
            try await gate.admit($0, $1, to: .changeWorkloads).actor
        }
        let policies = PolicyLibrary(folder.store)
        let coco = CoCoDialect<KBSRequestContext>(
            broker: broker, tokens: tokens(broker.prospects), policies: policies, agent: agent,
            settings: guestComponents
        ) {
            try await gate.admit($0, $1, to: $2).actor
        }
        virtee.addRoutes(to: router)
        coco.addRoutes(to: router)
        SharedHandshake(virtee: virtee, coco: coco, longestBody: settings.limits.body).addRoutes(to: router)
        let (store, trail, started) = (folder.store, trail, Date())
        AdministrationAPI<KBSRequestContext>(
            LocalAdministrator(broker, store: store, signer: { trail.key }, actor: .server), gate: gate,
            status: {
                ServerStatus(
                    version: Build.version, started: started, workloads: try await store.countWorkloads(),
                    resources: try await store.countResources(), sessions: try await store.countSessions(at: Date()),
                    head: try await store.auditHead(),
                    libraries: Dictionary(
                        RunningLibraries.current.fields.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
                    replacedFiles: MappedFiles()?.replaced ?? [])
            }, replacesWorkloads: settings.replacesWorkloads, settings: settings.texts,
            longestBody: settings.limits.body, longestResource: settings.limits.resource
        ).addRoutes(to: router)
        return router
    }

    private var guestComponents: CoCoDialect<KBSRequestContext>.Settings {
        var guests = CoCoDialect<KBSRequestContext>.Settings()
        guests.keys = settings.guestComponents.keys
        guests.longestBody = settings.limits.body
        guests.longestResource = settings.limits.resource
        guests.isSecure = tls != nil
        return guests
    }

    private func tokens(_ prospects: Prospects) -> TokenService {
        var rules = TokenKeys.Rules(longestToken: settings.lifetimes.session)
        rules.rotation = settings.guestComponents.keyRotation
        let guests = settings.guestComponents
        let audience = guests.trustedAudience.isEmpty ? nil : guests.trustedAudience
        return TokenService(
            keys: TokenKeys(store: folder.store, keys: folder.keys, rules: rules, identity: tokenIdentity),
            issuer: guests.tokenIssuer,
            software: "swift-kbs \(Build.version)",
            foreign: guests.trustedIssuers.map {
                ForeignVerifier(
                    TokenVerifier(
                        TokenService.rules(issuer: $0.issuer, audience: audience),
                        keys: JWTKeySource($0.keys, client: client, logger: loggers[.broker])),
                    assuming: guests.trustedAssumptions[$0.issuer] ?? ForeignAssumptions())
            }, keyRules: guests.keys, isKnownMeasurement: { try await prospects.knows($0) })
    }

    /// Whether callers on this machine may administer without credentials.
    var isOpen: Bool {
        get async throws { gateConfiguration.isFresh ? try await !folder.store.hasTokens() : false }
    }

    private var gateConfiguration: Gate.Configuration {
        var configuration = Gate.Configuration()
        configuration.networks = settings.registrationNetworks
        configuration.listensOnLoopback = settings.listen.isLoopback
        configuration.issuer = settings.jwt.issuer.isEmpty ? nil : settings.jwt
        configuration.certificates = settings.clientCertificates
        return configuration
    }
}

/// What a request carries along: who is at the other end of its connection, or behind a trusted proxy there, and, with TLS,
/// the certificate shown there.
struct KBSRequestContext: CallerContext {
    var coreContext: CoreRequestContextStorage
    let peer: Peer
    /// `nil` for plain HTTP.
    let tlsPeer: TLSPeer?
    /// DER of the client's certificate, which leads to `tls.client_ca` and is valid now; `nil` when it showed none, and
    /// outside of ``PeerCertificateMiddleware``.
    var peerCertificate: [UInt8]?

    var remoteAddress: IPAddress? { peer.address }
    var localUser: UInt32? { peer.userID }

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peer = source.caller
        tlsPeer = source.request.tls
    }
}
