import Administration
import Broker
import Bytes
import CoCoDialect
import Endorsements
import Files
import FoundationEssentials
import HTTP
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

/// The components of a server, made from its settings.
struct ServerParts: Sendable {
    let loggers: Loggers
    let assembly: BrokerAssembly
    var settings: Settings { assembly.settings }
    var folder: DataFolder { assembly.folder }
    var broker: Broker { assembly.broker }
    /// The Open Policy Agent that policies may ask and that Trustee's policy routes forward to.
    let agent: (any PolicyAgent)?
    let renewal: EndorsementRenewal
    let trail: Trail
    let readiness: Readiness
    let monitor: Monitor
    let limits: ServerLimits
    /// `nil`: plain HTTP.
    let tls: CurrentTLS?
    /// `nil` without a collector of spans.
    let traces: TraceExport?
    private let operators: OperatorKeys
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
                ReadinessCheck(name: "database") { try await folder.store.probe() },
                ReadinessCheck(name: "manifest") { try await folder.store.catchUp() },
                ReadinessCheck(name: "trail", run: trail.check.run),
                folder.store.isShared ? Self.clockCheck(folder.store) : nil,
                tls.map { tls in
                    ReadinessCheck(name: "certificate") {
                        guard tls.expiry > Date() else {
                            throw InvalidSetting("it expired on \(tls.expiry.formatted(.iso8601))")
                        }
                    }
                },
            ].compactMap(\.self))
        let limits = ServerLimits(settings.limits, logger: loggers[.http])
        let monitor = Monitor(
            folder.store, readiness: readiness, limits: limits.counters, certificateExpiry: { tls?.expiry },
            spans: traces?.exporter, databaseLog: DatabaseLog(loggers[.storage]))
        let log = EventLog(logger: loggers[.broker])
        let endorsementLog = EventLog(logger: loggers[.endorsements])
        let room = folder.store.isShared ? nil : DiskRoom(folder.url.filePath, logger: loggers[.storage])
        let observe: @Sendable (EndorsementEvent) -> Void = {
            endorsementLog($0)
            monitor.broker($0)
        }
        assembly = try BrokerAssembly(
            settings, folder, vendors: settings.vendors { monitor.broker($0) }, asking: agent,
            hasRoom: { room?() ?? true },
            reportingTo: {
                log($0)
                monitor.broker($0)
            },
            endorsementsTo: observe)
        renewal = EndorsementRenewal(
            endorsements: assembly.endorsements, logger: loggers[.endorsements], report: { observe(.renewed($0)) })
        self.loggers = loggers
        tokens = Self.tokens(
            settings, folder, identity: identity.map { TokenIdentity($0.key, chain: $0.chain) },
            assembly.broker.prospects, loggers[.broker])
        self.agent = agent
        self.trail = trail
        self.readiness = readiness
        self.monitor = monitor
        self.limits = limits
        self.tls = tls
        self.traces = traces
    }

    /// Servers that share a database agree on a session's end only as far as their clocks agree.
    private static func clockCheck(_ store: any ServerStore) -> ReadinessCheck {
        ReadinessCheck(name: "clock") {
            let offset = try await store.clockOffset()
            guard abs(offset) <= Lifetimes.sharedClockTolerance else {
                let seconds = Int(abs(offset).rounded())
                throw InvalidSetting(
                    "this machine's clock is \(seconds) seconds \(offset > 0 ? "behind" : "ahead of") the database's: "
                        + "have both kept by NTP")
            }
        }
    }

    /// The service for HTTP.
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
        let (all, guests) = handlers()
        let guestListeners = Set(sockets.guests.map(\.address))
        let server = HTTP1Server(configuration, tls: tls?.next, observing: { log($0) }) { request in
            let isGuests = request.listener.map(guestListeners.contains) ?? false
            return await (isGuests ? guests : all).respond(to: request)
        }
        return HTTPFront(
            server: server, sockets: sockets, isSecure: tls != nil, stopTimeout: .seconds(settings.stopTimeout),
            manager: manager,
            logger: loggers[.kbs], onListening: onListening)
    }

    /// The handlers of the server's own listeners and of the guests' listeners, which have only the calls for booting
    /// and no administration.
    private func handlers() -> (all: RequestHandler, guests: RequestHandler) {
        let virtee = VirteeDialect(
            broker: broker, replacesWorkloads: settings.replacesWorkloads, longestBody: settings.limits.body)
        let coco = coco
        let handshake = SharedHandshake(
            virtee: virtee, coco: coco, broker: broker, limits: settings.limits, logger: loggers[.http],
            wasSpoken: { [metrics = monitor.broker] in metrics.spoken($0) })
        let booting = virtee.guestCalls + coco.guestCalls + handshake.calls
        let health = HealthCalls(
            monitor: monitor, readiness: readiness, networks: settings.metricsNetworks,
            warnings: settings.policy.allowsSample ? ["guests without hardware are attested (--allow-sample)"] : [])
        let all = health.calls + booting + [virtee.registration] + coco.otherCalls + administration.calls
        let observer = RequestObserver(
            all, monitor.http, refused: monitor.broker,
            tracing: RequestTracing(traces?.exporter, leftOut: monitor.leftOut), logger: loggers[.http],
            networks: settings.metricsNetworks)
        func handler(_ calls: [Call], _ gate: Gate?) -> RequestHandler {
            RequestHandler(
                calls: CallTable(
                    calls,
                    elsewhere: [
                        ("/kbs/v0/key", PlainText()), ("/kbs/v0/register_workload", PlainText()),
                        (CoCoDialect.prefix, CoCoFailureForm()), ("/api/", ProblemForm()),
                    ], otherwise: PlainText()), gate: gate, limits: limits, observer: observer, tls: tls,
                proxies: settings.trustedProxies, logger: loggers[.http])
        }
        let gate = Gate(
            gateConfiguration, broker: broker, tokens: folder.store, client: settings.client,
            logger: loggers[.administration])
        return (handler(all, gate), handler([HealthCalls.liveness] + booting, nil))
    }

    private var coco: CoCoDialect {
        var guests = CoCoDialect.Settings()
        guests.keys = settings.guestComponents.keys
        guests.longestBody = settings.limits.body
        guests.longestResource = settings.limits.resource
        return CoCoDialect(
            broker: broker, tokens: tokens, policies: PolicyLibrary(folder.store), agent: agent, settings: guests)
    }

    private var administration: AdministrationAPI {
        let (store, trail, started) = (folder.store, trail, Date())
        return assembly.administration(checkpoint: trail.checkpoint, replacesWorkloads: settings.replacesWorkloads) {
            ServerStatus(
                version: Build.version, started: started, workloads: try await store.countWorkloads(),
                resources: try await store.countResources(), sessions: try await store.countSessions(at: Date()),
                head: try await store.auditHead(),
                libraries: RunningLibraries.current.fields, replacedFiles: MappedFiles()?.replaced ?? [])
        }
    }

    private static func tokens(
        _ settings: Settings, _ folder: DataFolder, identity: TokenIdentity?, _ prospects: ReleaseForecast,
        _ logger: Logger
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
                        keys: JWTKeySource($0.keys, of: .guests, client: settings.client, logger: logger)),
                    assuming: guests.trustedAssumptions[$0.issuer] ?? ForeignAssumptions(),
                    greatestAge: guests.trustedAge ?? settings.lifetimes.session)
            }, keyRules: guests.keys, isKnownMeasurement: { try await prospects.knows($0) })
    }

    /// Whether no credentials exist yet.
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
