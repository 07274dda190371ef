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
    /// - Throws: ``EndorsementUnavailable``, or ``InvalidSetting`` when what came is not genuine, or is denied.
    package static func fetch(
        product: Product, chip: [UInt8], tcb: TCBVersion, into data: DataFolder, settings: Settings
    ) async throws -> EndorsementIdentity {
        let identity = EndorsementIdentity(kind: .vcek, product: product, hardwareID: chip, tcb: tcb)
        try await KeyFetching(settings, into: data).fetch(identity)
        try await data.store.recordLocally(.importEndorsements, ["key": "\(identity)"])
        return identity
    }
}
