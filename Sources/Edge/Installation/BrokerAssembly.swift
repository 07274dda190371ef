package import Broker
package import Endorsements

extension DataFolder {
    /// The broker over this folder's database, with what the settings say of it: the same for a server and for a command
    /// that works beside one.
    ///
    /// - Parameters:
    ///   - vendor: is asked for certificates that are not at hand; `nil`: nobody is.
    ///   - agent: decides where a policy says so.
    ///   - hasRoom: whether the disk has room for rows of guests.
    ///   - observe: is told what the broker does.
    ///   - observeEndorsements: is told where certificates come from.
    package func broker(
        _ settings: Settings, vendor: KeyDistributionService? = nil, asking agent: (any PolicyAgent)? = nil,
        hasRoom: @escaping @Sendable () -> Bool = { true },
        reportingTo observe: @escaping @Sendable (BrokerEvent) -> Void = { _ in },
        endorsementsTo observeEndorsements: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) throws -> Broker {
        let library = EndorsementLibrary(
            cache: store, folder: settings.endorsementsFolder.map(CertificateFolder.init), vendor: vendor,
            reportingTo: observeEndorsements)
        return Broker(
            store: store, endorsements: library, keys: keys, anchors: try settings.anchors(), policy: settings.policy,
            lifetimes: settings.lifetimes(on: store),
            recordsPerMinute: (settings.strangersPerMinute, settings.refusalsPerMinute),
            releasesPerMinute: settings.limits.releasesPerMinute, guestRoom: settings.limits.guestRoom / 1_024,
            asking: agent, longestResource: settings.limits.resource, reachedAt: settings.guestsURL, hasRoom: hasRoom,
            reportingTo: observe)
    }
}
