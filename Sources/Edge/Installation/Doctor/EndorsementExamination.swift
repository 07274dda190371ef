import Broker
import Endorsements
import Evidence
import Files
import FoundationEssentials
import HTTPClient
import Storage

/// The sources of hosts' certificates.
struct EndorsementExamination: Examination {
    let settings: Settings
    let folder: OpenedFolder
    let isOnline: Bool
    let now: Date

    func findings() async -> [Finding] {
        let (found, ending) = ([offline(), await vendor()].compactMap(\.self), await ending())
        guard found.isEmpty else { return found + ending }
        let kept = (try? await folder.store?.endorsements(after: [], limit: 1))?.isEmpty == false
        let told = "neither endorsements.kds nor endorsements.folder is set"
        return kept
            ? ending + [.ok("endorsements", "\(told): imported certificates, and guests' own, are used")]
            : [
                .warning(
                    "endorsements",
                    "\(told), and none was imported: only guests with certificates in their evidence are attested",
                    do: "kbs endorsements import FOLDER, or set endorsements.folder or endorsements.kds")
            ]
    }

    /// Documents that end soon.
    private func ending() async -> [Finding] {
        let names = try? await folder.store?.endingEndorsements(
            from: now, to: now + EndorsementKeeper.horizon, limit: 1_024)
        guard let names, let first = names.first else { return [] }
        let others = names.count > 1 ? " and \(names.count - 1) more" : ""
        return [
            .warning(
                "endorsements.ending", "\(first)\(others) end within 14 days",
                do: "see the server's log for why they are not renewed, or import later ones: kbs endorsements list")
        ]
    }

    private func offline() -> Finding? {
        guard let folder = settings.endorsementsFolder else { return nil }
        let path = folder.filePath
        let (documents, certificates, unreadable) = EndorsementFolder(folder).contents
        if let first = unreadable.first {
            return .warning(
                "endorsements.folder", "\(first.file) cannot be read: \(first.reason)",
                do: "let the server's user read it, replace it, or remove it")
        }
        guard !certificates.isEmpty || !documents.isEmpty else {
            return .warning(
                "endorsements.folder", "\(path) has no certificates",
                do: "put them there as README.md says, or kbs endorsements fetch them")
        }
        return .ok("endorsements.folder", "\(certificates.count) certificates in \(path)")
    }

    private func vendor() async -> Finding? {
        guard let configuration = settings.keyDistribution else { return nil }
        guard isOnline else { return .ok("endorsements.kds", "\(configuration.baseURL) was not asked (--online does)") }
        do {
            let service = VendorService(client: settings.client, configuration: configuration)
            let chain = AMDDocument.authority(.milan, .vcek)
            _ = try await service.document(chain.name)
            return .ok("endorsements.kds", "\(configuration.baseURL) gave \(chain)")
        } catch {
            return .problem(
                "endorsements.kds", "\(configuration.baseURL): \(error)",
                do:
                    "let the server through to it, name a mirror, or set endorsements.kds = \"\" and import certificates"
            )
        }
    }
}
