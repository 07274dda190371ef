package import Broker
import Bytes
import Crypto
import Evidence
package import FoundationEssentials
import JOSE
import Release

extension AuditRecord {
    /// The start of a server, with a digest of the settings that decide about access and releases, and the dangerous
    /// switches that are on.
    package static func start(_ settings: Settings, at time: Date) -> AuditRecord {
        var details = ["version": Build.version, "settings": settings.decidingDigest]
        let switches = settings.dangerousSwitches
        if !switches.isEmpty { details["switches"] = switches.joined(separator: " ") }
        if let roots = settings.simulatedRoots {
            details["simulated_roots"] = (roots.snp.map { "\($0)=\($1)" } + roots.sev.map { "\($0)=\($1)" }).sorted()
                .joined(separator: " ")
        }
        let issuers = settings.guestComponents.trustedIssuers.map(\.issuer.text)
        if !issuers.isEmpty { details["trusted_issuers"] = issuers.sorted().joined(separator: " ") }
        return AuditRecord(.startServer, by: .server, details: details, at: time)
    }
}

extension Settings {
    /// SHA-256, in hex, over the sorted lines of the deciding settings: `name=value`, or the name alone for a default.
    /// Contents of files that settings name are not covered.
    var decidingDigest: String {
        let lines = SettingKey.deciding.map { key in
            key.name + (origins[key] == nil ? "" : "=\(texts[key.name] ?? "")") + "\n"
        }.sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        return Hex.encode(SHA256.hash(data: Array(lines.joined().utf8)))
    }

    /// The switches that weaken security and are on, by the names of their settings and flags.
    var dangerousSwitches: [String] {
        [
            ("trust-simulated-root", simulatedRoots != nil), ("allow-sample", policy.allowsSample),
            (SettingKey.insecureHTTP.name, tls.allowsInsecureHTTP),
            (SettingKey.insecureAdmin.name, opensAdministration),
            (SettingKey.snpAllowDebug.name, policy.snp.allowsDebug),
            (SettingKey.snpAllowMigrationAgent.name, policy.snp.allowsMigrationAgent),
            (SettingKey.snpAllowProvisionalFirmware.name, policy.snp.allowsProvisionalFirmware),
            (SettingKey.sevAllowDebug.name, policy.allowsSEVDebug),
            (SettingKey.jwtOperatorKeys.name, !operatorKeys.isEmpty),
            (SettingKey.cocoAllowRSA1_5.name, guestComponents.keys.allowsRSA1_5),
        ].filter(\.1).map(\.0)
    }
}

extension SettingKey {
    /// The settings that decide about administration, accepted guests and releases.
    static let deciding =
        guests + guestComponents + policyAgent + administration + [
            insecureHTTP, tlsClientCA, trustedProxies, proxyProtocol, guestsListen,
        ]
}
