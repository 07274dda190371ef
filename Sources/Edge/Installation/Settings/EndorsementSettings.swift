import Broker
import Endorsements
import Files
import FoundationEssentials

/// Sources of certificates.
extension SettingKey {
    static let endorsements = [
        endorsementsFolder, endorsementsKDS, endorsementsKDSPerCaller, endorsementsTimeout,
    ]

    package static let endorsementsFolder = SettingKey(
        "endorsements.folder", "Folder of certificates, for hosts whose certificates cannot be fetched"
    ) {
        let folder = $0.file()
        guard folder.map({ Folder.exists($0.filePath) }) ?? true else { throw $0.invalid("a folder that exists") }
        $1.endorsementsFolder = folder
    }

    package static let endorsementsKDS = SettingKey(
        "endorsements.kds", "Base URL of AMD's key distribution service (KDS), or \"\" for none",
        default: "https://kdsintf.amd.com"
    ) {
        guard !$0.text.isEmpty else {
            $1.keyDistribution = nil
            return
        }
        $1.keyDistribution?.baseURL = try $0.url(example: "https://kdsintf.amd.com")
    }

    package static let endorsementsKDSPerCaller = SettingKey(
        "endorsements.kds_per_caller", "Chips' certificates requested from there for one address in a minute",
        default: "60"
    ) { $1.keyDistribution?.mostPerCaller = try $0.number(1...100_000) }

    package static let endorsementsTimeout = SettingKey(
        "endorsements.timeout", "How long to wait for a certificate from there, with all retries", default: "25s"
    ) { $1.keyDistribution?.deadline = .seconds(try $0.duration(upTo: 600)) }
}
