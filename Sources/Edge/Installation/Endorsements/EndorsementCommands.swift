import Broker
package import Endorsements
package import Evidence
import Files
package import FoundationEssentials
import HTTPClient
import Storage

/// What `kbs endorsements` does with a data folder.
package enum EndorsementCommands {
    /// Takes what is genuine in a folder into the cache.
    ///
    /// - Parameter data: is opened, and perhaps made, once the folder is known to be one.
    /// - Throws: ``InvalidSetting``, too, when the folder cannot be listed.
    package static func importAll(
        from folder: URL, into data: @autoclosure () async throws -> DataFolder, anchors: Anchors
    ) async throws -> CertificateImport.Outcome {
        do { _ = try Folder.names(in: folder.filePath) } catch { throw InvalidSetting(error.description) }
        let data = try await data()
        let outcome = try await CertificateImport(
            into: data.store, anchors: anchors.snp, denying: try await data.store.denyList()
        ).run(CertificateFolder(folder))
        if !outcome.keys.isEmpty || !outcome.authorities.isEmpty {
            try await data.store.recordLocally(
                .importEndorsements,
                ["keys": "\(outcome.keys.count)", "authorities": "\(outcome.authorities.count)"])
        }
        return outcome
    }

    /// Fetches a chip's key and what is above it from the vendor, and keeps them if they are genuine.
    ///
    /// - Throws: ``EndorsementUnavailable``, or ``InvalidSetting`` when what came is not genuine.
    package static func fetch(
        product: Product, chip: [UInt8], tcb: TCBVersion, into data: DataFolder, settings: Settings
    ) async throws -> EndorsementIdentity {
        guard let configuration = settings.keyDistribution else {
            throw InvalidSetting("endorsements.kds is empty, so there is nobody to ask")
        }
        let service = KeyDistributionService(client: settings.client, configuration: configuration)
        let identity = EndorsementIdentity(kind: .vcek, product: product, hardwareID: chip, tcb: tcb)
        let key = try EndorsementKey(try await service.key(identity))
        let chain = EndorsementChain(key: key, among: try await service.authorities(product, .vcek))
        guard EndorsementIdentity(of: key) == identity,
            let found = try chain.map({ AppraisedChain($0, anchors: try settings.anchors().snp) }), found.isGenuine
        else { throw InvalidSetting("\(configuration.baseURL) sent a certificate that is not \(identity)") }
        if let denied = found.endorsers.first(where: try await data.store.denyList()) {
            throw InvalidSetting("the \(denied) is denied: `kbs endorsements denied` says why")
        }
        try await data.store.keep(found.chain.documents)
        try await data.store.recordLocally(.importEndorsements, ["key": "\(identity)"])
        return identity
    }
}
