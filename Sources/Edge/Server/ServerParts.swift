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
import Installation
import JSONWebTokens
import Lifecycle
import Logging
import Operators
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
    private let client: HTTP1Client
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
    private let operators: OperatorKeys
    private let policies: PolicyLibrary
    private let tokens: TokenService

    init(
        _ settings: Settings, _ loggers: Loggers, folder: DataFolder,
        agent: (any PolicyAgent)?, tls: CurrentTLS?, traces: TraceExport?
    ) async throws {
        try settings.guestComponents.checkTrusted()
        let identity = try settings.guestComponents.identity()
        operators = try settings.readOperatorKeys()
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
        let client = settings.client
        let room = folder.store.isShared ? nil : DiskRoom(folder.url.filePath, logger: loggers[.storage])
        broker = try BrokerAssembly(
            settings, folder, vendor: settings.vendor { monitor.broker($0) }, asking: agent,
            hasRoom: { room?() ?? true },
            reportingTo: {
                log($0)
                monitor.broker($0)
            },
            endorsementsTo: {
                endorsementLog($0)
                monitor.broker($0)
            }
        ).broker
        self.client = client
        self.settings = settings
        self.loggers = loggers
        self.folder = folder
        policies = PolicyLibrary(folder.store)
        tokens = Self.tokens(
            settings, folder, identity: identity.map { TokenIdentity($0.key, chain: $0.chain) }, broker.prospects,
            client, loggers[.broker])
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
        on sockets: ListeningSockets, manager: ServiceManager?,
        onListening: @escaping @Sendable (Settings.Address) async -> Void
    ) -> HTTPFront {
        let log = ConnectionLog(
            counters: limits.counters, open: monitor.connections, metrics: monitor.http, logger: loggers[.http],
            tlsLogger: loggers[.tls])
        var configuration = limits.configuration(idleTimeout: settings.idleTimeout)
        configuration.proxies = settings.trustedProxies
        configuration.proxyProtocol = settings.proxyProtocol
        let observing = ObservingMiddleware(
            metrics: monitor.http, tracing: RequestTracing(traces?.exporter, leftOut: monitor.leftOut),
            logger: loggers[.http], networks: settings.metricsNetworks)
        let (responder, guests) = (responder(router(observing)), responder(guestRouter(observing)))
        let guestListeners = Set(sockets.guests.map(\.address))
        let server = HTTP1Server(configuration, tls: tls?.next, observing: { log($0) }) { request in
            let isGuests = request.listener.map(guestListeners.contains) ?? false
            return await (isGuests ? guests : responder).respond(to: request)
        }
        return HTTPFront(
            server, on: sockets, isSecure: tls != nil, stopTimeout: .seconds(settings.stopTimeout), manager: manager,
            logger: loggers[.kbs], onListening: onListening)
    }

    private func responder(_ router: Router<KBSRequestContext>) -> RouterResponder<KBSRequestContext> {
        // Some guests' clients put their calls behind a URL that ends in a slash.
        router.responder(
            allowingDoubledSlashBefore: "/kbs/v0", trusting: settings.trustedProxies, logger: loggers[.http])
    }

    /// From the outside in: what observes, what turns errors into replies, what limits, and then calls are added.
    private func emptyRouter(_ observing: ObservingMiddleware) -> Router<KBSRequestContext> {
        let router = Router(context: KBSRequestContext.self)
        router.add(middleware: observing)
        router.add(middleware: PeerCertificateMiddleware(tls: tls))
        router.add(middleware: RefusalMiddleware())
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: FailureMiddleware())
        router.add(middleware: RefusalCounter(metrics: monitor.broker))
        let broker = broker
        limits.addMiddleware(to: router, isChallenge: { broker.isChallenge(among: $0.guestSessions) })
        return router
    }

    /// The calls of guests' listeners: what a guest boots with, and nothing that asks who administers.
    private func guestRouter(_ observing: ObservingMiddleware) -> Router<KBSRequestContext> {
        let router = emptyRouter(observing)
        HealthRoutes.addLiveness(to: router)
        let virtee = virtee { _, _ in throw HTTPError(.notFound) }
        let coco = coco(isSecure: false) { _, _, _ in throw HTTPError(.notFound) }
        virtee.addGuestRoutes(to: router)
        coco.addGuestRoutes(to: router)
        handshake(virtee, coco).addRoutes(to: router)
        return router
    }

    private func handshake(
        _ virtee: VirteeDialect<KBSRequestContext>, _ coco: CoCoDialect<KBSRequestContext>
    ) -> SharedHandshake<KBSRequestContext> {
        SharedHandshake(
            virtee: virtee, coco: coco, broker: broker, longestBody: settings.limits.body,
            wasSpoken: { [metrics = monitor.broker] in metrics.spoken($0) })
    }

    private func virtee(
        _ admit: @escaping @Sendable (Request, KBSRequestContext) async throws -> Actor
    ) -> VirteeDialect<KBSRequestContext> {
        VirteeDialect(
            broker: broker, replacesWorkloads: settings.replacesWorkloads, longestBody: settings.limits.body,
            admitRegistration: admit)
    }

    private func coco(
        isSecure: Bool,
        _ admit: @escaping @Sendable (Request, KBSRequestContext, Role.Permission) async throws -> Actor
    ) -> CoCoDialect<KBSRequestContext> {
        var guests = CoCoDialect<KBSRequestContext>.Settings()
        guests.keys = settings.guestComponents.keys
        guests.longestBody = settings.limits.body
        guests.longestEvidence = max(settings.limits.body, settings.limits.evidence)
        guests.longestResource = settings.limits.resource
        guests.isSecure = isSecure
        return CoCoDialect(
            broker: broker, tokens: tokens, policies: policies, agent: agent, settings: guests, admit: admit)
    }

    /// The calls of the server's own listeners.
    private func router(_ observing: ObservingMiddleware) -> Router<KBSRequestContext> {
        let gate = Gate(
            gateConfiguration, broker: broker, tokens: folder.store, client: client, logger: loggers[.administration])
        let router = emptyRouter(observing)
        HealthRoutes(
            monitor: monitor, readiness: readiness, networks: settings.metricsNetworks,
            warnings: settings.policy.allowsSample ? ["guests without hardware are attested (--allow-sample)"] : []
        ).addRoutes(to: router)
        let virtee = virtee { try await gate.admit($0, $1, to: .changeWorkloads, registering: true).actor }
        let coco = coco(isSecure: tls != nil) { try await gate.admit($0, $1, to: $2).actor }
        virtee.addRoutes(to: router)
        coco.addRoutes(to: router)
        handshake(virtee, coco).addRoutes(to: router)
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

    private static func tokens(
        _ settings: Settings, _ folder: DataFolder, identity: TokenIdentity?, _ prospects: Prospects,
        _ client: HTTP1Client, _ logger: Logger
    ) -> TokenService {
        var rules = TokenKeys.Rules(longestToken: settings.lifetimes.session)
        rules.rotation = settings.guestComponents.keyRotation
        let guests = settings.guestComponents
        return TokenService(
            keys: TokenKeys(store: folder.store, keys: folder.keys, rules: rules, identity: identity),
            issuer: guests.tokenIssuer,
            software: "swift-kbs \(Build.version)",
            foreign: guests.trustedIssuers.map {
                ForeignVerifier(
                    TokenVerifier(
                        TokenService.rules(issuer: $0.issuer, audience: guests.trustedAudience),
                        keys: JWTKeySource($0.keys, of: .guests, client: client, logger: logger)),
                    assuming: guests.trustedAssumptions[$0.issuer] ?? ForeignAssumptions(),
                    greatestAge: guests.trustedAge ?? settings.lifetimes.session)
            }, keyRules: guests.keys, isKnownMeasurement: { try await prospects.knows($0) })
    }

    /// Whether nobody has set up who may administer.
    var isFresh: Bool {
        get async throws { gateConfiguration.isFresh ? try await !folder.store.hasTokens() : false }
    }

    private var gateConfiguration: Gate.Configuration {
        var configuration = Gate.Configuration()
        configuration.networks = settings.registrationNetworks
        configuration.listensOnLoopback = settings.listen.isLoopback
        configuration.opensToThisMachine = settings.opensAdministration
        configuration.issuer = settings.jwt.issuer.isEmpty ? nil : settings.jwt
        configuration.certificates = settings.clientCertificates
        configuration.operators = operators
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
