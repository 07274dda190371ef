package import Broker
import Bytes
package import Endorsements
package import Evidence
import Files
import Formats
package import FoundationEssentials
package import HTTP
package import HTTPClient
package import Logging
package import MasterKeys
package import OpenPolicyAgent
package import Operators

/// A server's settings. The defaults are safe.
package struct Settings: Sendable {
    /// A listening address.
    package struct Address: Sendable, Hashable, CustomStringConvertible {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        /// Whether only this machine reaches it.
        package var isLoopback: Bool { IPAddress.isThisMachine(host) }

        package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// A Unix socket to listen on.
    package struct Socket: Sendable, Hashable {
        /// `nil`: no socket.
        package var path: String?
        package var mode: UInt32 = 0o660
        /// A name or a number; `nil`: the process's group.
        package var group: String?
    }

    package var listen = Address(host: "127.0.0.1", port: 8080)
    /// Whether to listen on ``listen``.
    package var listensOnTCP = true
    /// Served beside ``listen``, or alone.
    package var socket = Socket()
    /// The address that serves only guests' calls, without TLS; `nil`: none.
    package var guestsListen: Address?
    /// The URL that guests use, for warnings; `nil`: not known.
    package var guestsURL: String?
    /// Proxies whose statement about their client is trusted.
    package var trustedProxies = NetworkList.none
    /// Load balancers whose connections begin with the PROXY protocol.
    package var proxyProtocol = NetworkList.none
    /// The proxy for outgoing requests; `nil`: the environment's.
    var outgoing: (proxy: String?, exceptions: String?) = (nil, nil)
    package var dataFolder = URL(filePath: "kbs-data")
    package var storage = StorageSettings()
    package var masterKeys = MasterKeySources()
    package var logLevel = Logger.Level.info
    package var logFormat = LogFormat.text
    /// Levels of single subsystems.
    package var logLevels: [Subsystem: Logger.Level] = [:]
    package var metricsNetworks = NetworkList.loopback
    /// Time after which a silent connection is closed.
    package var idleTimeout: TimeInterval = 120
    /// Time for requests in flight after SIGTERM.
    package var stopTimeout: TimeInterval = 30
    /// Time to serve on after SIGTERM, not ready.
    package var drainDelay: TimeInterval = 0
    /// `nil`: anywhere with credentials, and loopback without.
    package var registrationNetworks: NetworkList?
    package var replacesWorkloads = true
    /// Whether every local caller is an administrator until credentials are set up.
    package var opensAdministration = false
    package var lifetimes = Lifetimes()
    package var policy = AppraisalPolicy()
    package var endorsementsFolder: URL?
    /// `nil`: the vendor is not asked.
    package var keyDistribution: VendorService.Configuration? = .init()
    /// In force once it has a URL.
    var agent = OpenPolicyAgent.Configuration(baseURL: "")
    /// Certificate authorities of the agent, PEM; `nil`: the system's.
    package var policyAgentAuthorities: URL?
    package var clientCertificates = ClientCertificates.none
    /// In force once it has an issuer.
    package var jwt = JWTIssuer(issuer: "", audience: "", keys: "")
    /// Files of operators' keys, and the roles of their JWTs.
    package var operatorKeys: [(file: URL, role: Authority)] = []
    /// `nil`: in the data folder.
    package var checkpointFile: URL?
    /// In seconds.
    package var checkpointInterval: TimeInterval = 900
    /// The number of records after which one is written at the latest.
    package var checkpointRecords = 1_000
    package var attemptsKept = 10_000
    package var refusalsPerMinute = 600
    package var strangersPerMinute = 60
    package var tls = TLSSettings()
    package var limits = LimitSettings()
    package var guestComponents = GuestComponentSettings()
    package var tracing = TracingSettings()
    /// An option of the command line only, so that it is not left behind in a file.
    package var simulatedRoots: SimulatedRoots?

    /// Each setting's value in written form. None is a secret.
    package internal(set) var texts: [String: String] = [:]
    /// The origin of each setting that does not have its default.
    package internal(set) var origins: [SettingKey: SettingOrigin] = [:]

    package init() {}

    /// The Open Policy Agent that policies may ask; `nil` without one.
    package var policyAgent: OpenPolicyAgent.Configuration? { agent.baseURL.isEmpty ? nil : agent }

    /// The proxies for requests to other services.
    private var outgoingProxies: ProxySettings {
        // The setting was checked when it was applied.
        outgoing.proxy.flatMap {
            try? ProxySettings(
                proxy: $0, exceptions: outgoing.exceptions, named: SettingKey.outgoingProxy.name)
        } ?? .ofProcess
    }

    /// A client for other services; it does not follow redirects.
    package var client: HTTP1Client { HTTP1Client(clientConfiguration) }

    /// A client for a service with certificate authorities of its own.
    ///
    /// - Parameters:
    ///   - file: the authorities, PEM; `nil`: the system's.
    ///   - setting: the setting that names the file.
    /// - Throws: ``InvalidSetting`` if the file holds no certificate.
    package func client(trusting file: URL?, of setting: SettingKey) throws -> HTTP1Client {
        var configuration = clientConfiguration
        configuration.trustAdvice = "name its authority in \(setting.name)"
        if let path = file?.filePath {
            do {
                let pem = try File.read(path, atMost: 1 << 20)
                guard try PEMDocument.read(pem).contains(where: { $0.label == "CERTIFICATE" }) else {
                    throw InvalidSetting("it holds no certificate in PEM")
                }
                configuration.authorities = pem
            } catch {
                throw InvalidSetting("\(setting.name), \(path), cannot be read: \(error)")
            }
        }
        return HTTP1Client(configuration)
    }

    private var clientConfiguration: HTTP1Client.Configuration {
        var configuration = HTTP1Client.Configuration()
        configuration.proxies = outgoingProxies
        return configuration
    }

    /// The file of the audit trail's signed checkpoints.
    package var checkpoints: CheckpointFile {
        CheckpointFile(checkpointFile ?? dataFolder.appending(path: CheckpointFile.defaultName))
    }

    /// The lifetimes of challenges and sessions, with a tolerance for clocks on a shared database.
    func lifetimes(on store: any ServerStore) -> Lifetimes {
        var lifetimes = lifetimes
        lifetimes.foreignToken = guestComponents.trustedAge ?? lifetimes.session
        if store.isShared { lifetimes.clockTolerance = Lifetimes.sharedClockTolerance }
        return lifetimes
    }

    /// - Throws: ``InvalidSetting`` that names a file without a usable key.
    package func readOperatorKeys() throws -> OperatorKeys {
        var keys = OperatorKeys()
        for (file, role) in operatorKeys {
            do { try keys.add(pem: try File.read(file.filePath, atMost: 65_536), role: role) } catch {
                throw InvalidSetting("jwt.operator_keys: \(file.filePath): \(error)")
            }
        }
        return keys
    }

    /// The vendors' pinned roots, and simulated ones if set.
    package func anchors() throws -> Anchors {
        try simulatedRoots.map { try Anchors.vendors.trusting($0) } ?? .vendors
    }
}

/// A setting that cannot be used, with the expected form.
package struct InvalidSetting: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
