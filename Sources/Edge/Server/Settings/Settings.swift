public import Administration
public import Broker
import Bytes
public import Endorsements
public import Evidence
import Files
public import FoundationEssentials
public import HTTP
import HTTPClient
public import Logging
public import MasterKeys
public import OpenPolicyAgent

/// Everything that an operator can decide about a server. The defaults are safe to run.
public struct Settings: Sendable {
    /// Where to listen.
    public struct Address: Sendable, Hashable, CustomStringConvertible {
        public var host: String
        public var port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether only this machine reaches it.
        public var isLoopback: Bool { IPAddress.isThisMachine(host) }

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// A Unix socket to listen on.
    public struct Socket: Sendable, Hashable {
        /// `nil`: there is none.
        public var path: String?
        public var mode: UInt32 = 0o660
        /// A name or a number; `nil`: the process's own.
        public var group: String?
    }

    public var listen = Address(host: "127.0.0.1", port: 8080)
    /// Whether to listen on ``listen``.
    public var listensOnTCP = true
    /// Beside ``listen``, or alone.
    public var socket = Socket()
    /// Where guests' calls alone are served, without TLS; `nil`: nowhere.
    public var guestsListen: Address?
    /// How guests reach the server, for warnings; `nil`: not known.
    public var guestsURL: String?
    /// Proxies that are believed who their clients are.
    public var trustedProxies = NetworkList.none
    /// Balancers whose connections begin with the PROXY protocol.
    public var proxyProtocol = NetworkList.none
    /// Through which others are asked; `nil`: as the environment says.
    var outgoing: (proxy: String?, exceptions: String?) = (nil, nil)
    public var dataFolder = URL(filePath: "kbs-data")
    public var storage = StorageSettings()
    public var masterKeys = MasterKeySources()
    public var logLevel = Logger.Level.info
    public var logFormat = LogFormat.text
    /// For the subsystems that have one of their own.
    public var logLevels: [Subsystem: Logger.Level] = [:]
    public var metricsNetworks = NetworkList.loopback
    /// Close a connection on which nothing has arrived for so long.
    public var idleTimeout: TimeInterval = 120
    /// After SIGTERM, how long requests in flight have to finish.
    public var stopTimeout: TimeInterval = 30
    /// After SIGTERM, how long to serve on, not ready.
    public var drainDelay: TimeInterval = 0
    /// `nil`: anywhere with credentials, and loopback without.
    public var registrationNetworks: NetworkList?
    public var replacesWorkloads = true
    /// Whether callers on this machine administer while no credentials are set up.
    public var opensAdministration = false
    public var lifetimes = Lifetimes()
    public var policy = AppraisalPolicy()
    public var endorsementsFolder: URL?
    /// `nil`: the vendor is not asked.
    public var keyDistribution: KeyDistributionService.Configuration? = .init()
    /// Counts only when it has a URL.
    var agent = OpenPolicyAgent.Configuration(baseURL: "")
    public var clientCertificates = ClientCertificates.none
    /// Counts only when it has an issuer.
    public var jwt = JWTIssuer(issuer: "", audience: "", keys: "")
    /// Files with keys of operators, and what their JWTs allow.
    public var operatorKeys: [(file: URL, role: Role)] = []
    /// `nil`: in the data folder.
    public var checkpointFile: URL?
    /// In seconds.
    public var checkpointInterval: TimeInterval = 900
    /// After how many records one is written at the latest.
    public var checkpointRecords = 1_000
    public var attemptsKept = 10_000
    public var refusalsPerMinute = 600
    public var strangersPerMinute = 60
    public var tls = TLSSettings()
    public var limits = LimitSettings()
    public var guestComponents = GuestComponentSettings()
    public var tracing = TracingSettings()
    /// Set on the command line only: not a thing to be left behind in a file.
    public var simulatedRoots: SimulatedRoots?

    /// Each setting that was given, as it was written. None is a secret.
    public internal(set) var texts: [String: String] = [:]
    /// Where each came from; those that are not here have their default.
    public internal(set) var origins: [SettingKey: SettingOrigin] = [:]

    public init() {}

    /// The Open Policy Agent that policies may ask; `nil` when there is none.
    public var policyAgent: OpenPolicyAgent.Configuration? {
        guard !agent.baseURL.isEmpty else { return nil }
        var agent = agent
        agent.proxies = outgoingProxies
        return agent
    }

    /// Through which proxies others are asked.
    var outgoingProxies: ProxySettings {
        // The setting was read when it was set.
        outgoing.proxy.flatMap {
            try? ProxySettings(
                proxy: $0, exceptions: outgoing.exceptions, named: SettingKey.outgoingProxy.name)
        } ?? .ofProcess
    }

    /// Asks others, and follows no redirects.
    var client: HTTP1Client {
        var configuration = HTTP1Client.Configuration()
        configuration.proxies = outgoingProxies
        return HTTP1Client(configuration)
    }

    /// Where signed checkpoints of the audit trail are.
    public var checkpoints: CheckpointFile {
        CheckpointFile(checkpointFile ?? dataFolder.appending(path: CheckpointFile.usualName))
    }

    /// How long challenges and sessions live, where others may work on the same database.
    func lifetimes(on store: any ServerStore) -> Lifetimes {
        var lifetimes = lifetimes
        lifetimes.foreignToken = guestComponents.trustedAge ?? lifetimes.session
        if store.isShared { lifetimes.clockTolerance = Lifetimes.sharedClockTolerance }
        return lifetimes
    }

    /// - Throws: ``InvalidSetting`` for a file that holds no key that is taken.
    func readOperatorKeys() throws -> OperatorKeys {
        var keys = OperatorKeys()
        for (file, role) in operatorKeys {
            do { try keys.add(pem: try File.read(file.filePath, atMost: 65_536), role: role) } catch {
                throw InvalidSetting("jwt.operator_keys: \(file.filePath): \(error)")
            }
        }
        return keys
    }

    /// The roots that this server believes.
    public func anchors() throws -> Anchors {
        try simulatedRoots.map { try Anchors.vendors.trusting($0) } ?? .vendors
    }
}

/// A setting that cannot be used, with what to write instead.
public struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
