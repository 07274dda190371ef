package import Broker
package import Endorsements

/// A broker over an opened data folder, as the settings say: what a server serves, what a command works on beside one, and
/// what tests ask. Nothing else puts a broker together.
package struct BrokerAssembly: Sendable {
    package let settings: Settings
    package let folder: DataFolder
    package let broker: Broker
    package let endorsements: EndorsementKeeper

    package var store: any ServerStore { folder.store }

    /// - Parameters:
    ///   - vendors: are asked for documents that are not at hand.
    ///   - agent: decides where a policy says so.
    ///   - hasRoom: whether the disk has room for rows of guests.
    ///   - observe: is told what the broker does.
    ///   - observeEndorsements: is told where certificates come from.
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

    /// Opens the data folder of these settings, for a command.
    ///
    /// - Parameter create: whether to make it when it is not there.
    /// - Throws: ``InvalidSetting``.
    package init(opening settings: Settings, create: Bool = true) async throws {
        try self.init(settings, try await DataFolder(settings, create: create))
    }

    /// The key that signs checkpoints, made when there is none.
    @Sendable package func checkpointKey() async throws -> CheckpointKey {
        try await Trail.key(folder.keys, folder.store)
    }
}

extension Settings {
    /// Those who may be asked for documents.
    ///
    /// - Parameter observe: is told how each fares.
    package func vendors(
        reportingTo observe: @escaping @Sendable (VendorExchange) -> Void = { _ in }
    ) -> [VendorService] {
        keyDistribution.map { [VendorService(client: client, configuration: $0, reportingTo: observe)] } ?? []
    }

    /// Where documents come from.
    func library(
        over cache: any EndorsementStore, asking vendors: [VendorService] = [],
        reportingTo observe: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) -> EndorsementLibrary {
        EndorsementLibrary(
            cache: cache, folder: endorsementsFolder.map(EndorsementFolder.init), asking: vendors, reportingTo: observe)
    }
}
