import Broker
import Endorsements
import Evidence
import Files
import FoundationEssentials
import HTTPClient
import Storage

/// Where hosts' certificates come from.
struct EndorsementExamination: Examination {
    let settings: Settings
    let folder: OpenedFolder
    let isOnline: Bool

    func findings() async -> [Finding] {
        let found = [offline(), await vendor()].compactMap(\.self)
        guard found.isEmpty else { return found }
        let kept = (try? await folder.store?.endorsements(after: [], limit: 1))?.isEmpty == false
        let told = "nobody is asked for certificates, and there is no folder"
        return kept
            ? [.ok("endorsements", "\(told): those that were imported, and guests' own, are used")]
            : [
                .warning(
                    "endorsements", "\(told), and none was imported: only guests that bring their own will do",
                    do: "kbs endorsements import FOLDER, or set endorsements.folder or endorsements.kds")
            ]
    }

    private func offline() -> Finding? {
        guard let place = settings.endorsementsFolder else { return nil }
        let path = place.filePath
        let (certificates, unreadable) = CertificateFolder(place).contents
        if let first = unreadable.first {
            return .warning(
                "endorsements.folder", "\(first.file) cannot be read: \(first.reason)",
                do: "let the server's user read it, replace it, or remove it")
        }
        guard !certificates.isEmpty else {
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
            let service = KeyDistributionService(client: settings.client, configuration: configuration)
            let authorities = try await service.authorities(.milan, .vcek)
            return .ok("endorsements.kds", "\(configuration.baseURL) gave \(authorities.count) authorities of Milan")
        } catch {
            return .problem(
                "endorsements.kds", "\(configuration.baseURL): \(error)",
                do:
                    "let the server through to it, name a mirror, or set endorsements.kds = \"\" and import certificates"
            )
        }
    }
}
