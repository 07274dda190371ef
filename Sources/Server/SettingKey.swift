import Broker
import Endorsements
import Evidence
import Foundation
import Logging

/// A setting by its name: the same in the file (`challenge.lifetime`), in the environment
/// (`KBS_CHALLENGE_LIFETIME`) and on the command line (`--challenge-lifetime`).
public enum SettingKey: String, CaseIterable, Sendable {
    case listen
    case data
    case logLevel = "log.level"
    case idleTimeout = "http.idle_timeout"
    case stopTimeout = "http.stop_timeout"
    case registrationNetworks = "registration.networks"
    case registrationReplace = "registration.replace"
    case challengeLifetime = "challenge.lifetime"
    case sessionLifetime = "session.lifetime"
    case snpAllowDebug = "snp.allow_debug"
    case snpAllowMigrationAgent = "snp.allow_migration_agent"
    case snpVMPL = "snp.vmpl"
    case snpAllowProvisionalFirmware = "snp.allow_provisional_firmware"
    case snpMinimumTCBMilan = "snp.minimum_tcb.milan"
    case snpMinimumTCBGenoa = "snp.minimum_tcb.genoa"
    case snpMinimumTCBTurin = "snp.minimum_tcb.turin"
    case sevAllowDebug = "sev.allow_debug"
    case endorsementsFolder = "endorsements.folder"
    case endorsementsKDS = "endorsements.kds"
    case endorsementsTimeout = "endorsements.timeout"

    /// E.g. `KBS_CHALLENGE_LIFETIME`.
    public var environmentName: String { "KBS_" + rawValue.uppercased().replacing(".", with: "_") }

    /// E.g. `challenge-lifetime`.
    public var flagName: String { rawValue.replacing(".", with: "-").replacing("_", with: "-") }

    /// One line for an operator.
    public var help: String {
        switch self {
        case .listen: "Address and port to listen on (default 127.0.0.1:8080)."
        case .data: "Folder for the database and the master key (default kbs-data)."
        case .logLevel: "trace, debug, info, notice, warning, error or critical (default info)."
        case .idleTimeout: "Close a connection that is silent for so long (default 60s)."
        case .stopTimeout: "How long requests in flight may take after SIGTERM (default 30s)."
        case .registrationNetworks:
            "Who may register, list and remove workloads: networks such as 10.0.0.0/8 (default 127.0.0.0/8, ::1/128)."
        case .registrationReplace: "Whether registering an id again replaces it (default true)."
        case .challengeLifetime: "How long a challenge may be answered (default 5m)."
        case .sessionLifetime: "How long an attested guest may fetch its key (default 3h)."
        case .snpAllowDebug: "Accept SNP guests that their host may debug, if registered so (default false)."
        case .snpAllowMigrationAgent: "Accept SNP guests with a migration agent, if registered so (default false)."
        case .snpVMPL: "The privilege level that reports must be made at, 0 to 3 (default 0)."
        case .snpAllowProvisionalFirmware: "Accept hosts whose firmware is not committed (default false)."
        case .snpMinimumTCBMilan: "Least TCB on Milan: boot loader, TEE, SNP, microcode, e.g. 03.00.20.209."
        case .snpMinimumTCBGenoa: "Least TCB on Genoa, in the same form."
        case .snpMinimumTCBTurin: "Least TCB on Turin: FMC first, then the same four."
        case .sevAllowDebug: "Accept SEV guests that their host may debug, if registered so (default false)."
        case .endorsementsFolder: "Folder with certificates for hosts whose certificates cannot be fetched."
        case .endorsementsKDS: "Base URL of AMD's key distribution service, or \"\" to ask nobody."
        case .endorsementsTimeout: "How long to wait for a certificate from there, with all retries (default 25s)."
        }
    }

    /// Puts a value in its place.
    ///
    /// - Throws: ``InvalidSetting``.
    public func apply(_ value: String, to settings: inout Settings) throws {
        switch self {
        case .listen: settings.listen = try address(value)
        case .data: settings.dataFolder = URL(filePath: try nonEmpty(value))
        case .logLevel:
            guard let level = Logger.Level(rawValue: value.lowercased()) else { throw invalid(value, help) }
            settings.logLevel = level
        case .idleTimeout: settings.idleTimeout = try duration(value)
        case .stopTimeout: settings.stopTimeout = try duration(value)
        case .registrationNetworks: settings.registrationNetworks = try NetworkList(value)
        case .registrationReplace: settings.replacesWorkloads = try bool(value)
        case .challengeLifetime: settings.lifetimes.challenge = try duration(value, upTo: 86_400)
        case .sessionLifetime: settings.lifetimes.session = try duration(value)
        case .snpAllowDebug: settings.policy.allowsSNPDebug = try bool(value)
        case .snpAllowMigrationAgent: settings.policy.allowsSNPMigrationAgent = try bool(value)
        case .snpVMPL:
            guard let level = UInt32(value), level <= 3 else { throw invalid(value, "a number from 0 to 3") }
            settings.policy.vmpl = level
        case .snpAllowProvisionalFirmware: settings.policy.allowsProvisionalFirmware = try bool(value)
        case .snpMinimumTCBMilan: settings.policy.minimumTCB[.milan] = try tcb(value, .milan)
        case .snpMinimumTCBGenoa: settings.policy.minimumTCB[.genoa] = try tcb(value, .genoa)
        case .snpMinimumTCBTurin: settings.policy.minimumTCB[.turin] = try tcb(value, .turin)
        case .sevAllowDebug: settings.policy.allowsSEVDebug = try bool(value)
        case .endorsementsFolder:
            let folder = URL(filePath: try nonEmpty(value))
            guard (try? folder.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true else {
                throw invalid(value, "a folder that exists")
            }
            settings.endorsementsFolder = folder
        case .endorsementsKDS: try setKDS(value, &settings)
        case .endorsementsTimeout: settings.keyDistribution?.deadline = .seconds(try duration(value, upTo: 600))
        }
    }

    private func setKDS(_ value: String, _ settings: inout Settings) throws {
        guard !value.isEmpty else {
            settings.keyDistribution = nil
            return
        }
        guard let url = URL(string: value), let scheme = url.scheme, ["https", "http"].contains(scheme),
            url.host() != nil, url.query() == nil
        else { throw invalid(value, "a URL such as https://kdsintf.amd.com, or nothing") }
        settings.keyDistribution?.baseURL = value.hasSuffix("/") ? String(value.dropLast()) : value
    }

    private func invalid(_ value: String, _ wanted: String) -> InvalidSetting {
        InvalidSetting("\(rawValue) is \"\(value)\" and should be: \(wanted)")
    }

    private func nonEmpty(_ value: String) throws -> String {
        guard !value.isEmpty else { throw invalid(value, "a path") }
        return value
    }

    private func bool(_ value: String) throws -> Bool {
        guard let bool = Bool(value.lowercased()) else { throw invalid(value, "true or false") }
        return bool
    }

    /// `90`, `90s`, `5m`, `3h`, `1d`.
    private func duration(_ value: String, upTo most: Double = 31_536_000) throws -> TimeInterval {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        let (digits, unit) =
            value.last.flatMap { units[$0] }.map { (value.dropLast(), $0) } ?? (value[...], 1)
        guard let number = UInt32(digits), number > 0, Double(number) * unit <= most else {
            throw invalid(value, "a time such as 90s, 5m, 3h or 1d, above zero and at most \(Int(most)) seconds")
        }
        return Double(number) * unit
    }

    private func tcb(_ value: String, _ product: Product) throws -> TCBVersion {
        guard let version = TCBVersion(value, product: product) else {
            throw invalid(
                value,
                product == .turin
                    ? "five numbers, FMC first, e.g. 01.01.01.04.77" : "four numbers, e.g. 03.00.20.209")
        }
        return version
    }

    private func address(_ value: String) throws -> Settings.Address {
        guard let colon = value.lastIndex(of: ":"), let port = UInt16(value[value.index(after: colon)...]) else {
            throw invalid(value, "an address and a port, e.g. 127.0.0.1:8080 or [::1]:8080")
        }
        let host = value[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        guard !host.isEmpty, isBracketed || !host.contains(":") else {
            throw invalid(value, "an address and a port; an IPv6 address stands in brackets")
        }
        return Settings.Address(host: String(isBracketed ? host.dropFirst().dropLast() : host), port: Int(port))
    }
}
