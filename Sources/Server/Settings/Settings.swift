public import Broker
public import Endorsements
public import Evidence
public import Foundation
public import Logging
public import MasterKeys

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

        public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    public var listen = Address(host: "127.0.0.1", port: 8080)
    public var dataFolder = URL(filePath: "kbs-data")
    public var masterKeys = MasterKeySources()
    public var logLevel = Logger.Level.info
    /// Close a connection on which nothing has arrived for so long.
    public var idleTimeout: TimeInterval = 60
    /// After SIGTERM, how long requests in flight have to finish.
    public var stopTimeout: TimeInterval = 30
    public var registrationNetworks = NetworkList.loopback
    public var replacesWorkloads = true
    public var lifetimes = Lifetimes()
    public var policy = AppraisalPolicy()
    public var endorsementsFolder: URL?
    /// `nil`: the vendor is not asked.
    public var keyDistribution: KeyDistributionService.Configuration? = .init()
    /// Set on the command line only: not a thing to be left behind in a file.
    public var simulatedRoots: SimulatedRoots?

    public init() {}

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
