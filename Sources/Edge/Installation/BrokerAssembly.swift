package import Broker
package import Endorsements
package import FoundationEssentials

/// A broker over an opened data folder, for a server, a command and tests alike. It is the only place that assembles a
/// broker.
package struct BrokerAssembly: Sendable {
    package let settings: Settings
    package let folder: DataFolder
    package let broker: Broker
    package let endorsements: EndorsementKeeper

    package var store: any ServerStore { folder.store }

    /// - Parameters:
    ///   - vendors: the services for documents that are not at hand.
    ///   - agent: the agent that policies may ask.
    ///   - hasRoom: whether the disk has room for rows of guests.
    ///   - observe: called with the broker's events.
    ///   - observeEndorsements: called with the events of certificates.
    package init(
        _ settings: Settings, _ folder: DataFolder, vendors: [VendorService] = [],
        asking agent: (any PolicyAgent)? = nil, hasRoom: @escaping @Sendable () -> Bool = { true },
        reportingTo observe: @escaping @Sendable (BrokerEvent) -> Void = { _ in },
        endorsementsTo observeEndorsements: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) throws {
        self.settings = settings
        self.folder = folder
        let library = settings.library(over: folder.store, asking: vendors, reportingTo: observeEndorsements)
        endorsements = EndorsementKeeper(source: library, store: folder.store, anchors: try settings.anchors())
        broker = Broker(
            store: folder.store, endorsements: library, keys: folder.keys, anchors: try settings.anchors(),
            policy: settings.policy, lifetimes: settings.lifetimes(on: folder.store),
            recordsPerMinute: (settings.strangersPerMinute, settings.refusalsPerMinute),
            releasesPerMinute: settings.limits.releasesPerMinute, guestRoom: settings.limits.guestRoom / 1_024,
            asking: agent, longestResource: settings.limits.resource, reachedAt: settings.guestsURL, hasRoom: hasRoom,
            reportingTo: observe)
    }

    /// Opens the settings' data folder, for a command.
    ///
    /// - Parameter create: whether to create a missing folder.
    /// - Throws: ``InvalidSetting``.
    package init(opening settings: Settings, create: Bool = true) async throws {
        try self.init(settings, try await DataFolder(settings, create: create))
    }

    /// Signs the trail's present state, for a command.
    @Sendable package func checkpoint(at time: Date) async throws -> Checkpoint {
        try await Trail(folder, settings).checkpoint(at: time)
    }

    /// The signing key for checkpoints, made if it does not exist.
    package func checkpointKey() async throws -> CheckpointKey {
        try await Trail.key(folder.keys, folder.store)
    }
}

extension Settings {
    /// The vendors that may be asked for documents.
    ///
    /// - Parameter observe: called after each request with its outcome.
    package func vendors(
        reportingTo observe: @escaping @Sendable (VendorExchange) -> Void = { _ in }
    ) -> [VendorService] {
        keyDistribution.map { [VendorService(client: client, configuration: $0, reportingTo: observe)] } ?? []
    }

    /// The sources of documents.
    func library(
        over cache: any EndorsementStore, asking vendors: [VendorService] = [],
        reportingTo observe: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) -> EndorsementLibrary {
        EndorsementLibrary(
            cache: cache, folder: endorsementsFolder.map(EndorsementFolder.init), asking: vendors, reportingTo: observe)
    }
}
