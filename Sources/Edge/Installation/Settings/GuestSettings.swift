import Broker
import Bytes
import Evidence

/// Registration, and the guests that are accepted.
extension SettingKey {
    static let guests = [
        registrationNetworks, registrationReplace, challengeLifetime, sessionLifetime, snpAllowDebug,
        snpAllowMigrationAgent, snpVMPL, snpAllowProvisionalFirmware, snpProducts, snpCSPIDs, snpMinimumTCBMilan,
        snpMinimumTCBGenoa, snpMinimumTCBTurin, snpMinimumMitigations, snpMinimumAtLaunch, sevEnabled, sevProducts,
        sevAllowDebug,
    ]

    package static let registrationNetworks = SettingKey(
        "registration.networks",
        "Networks that workloads may be administered from, such as 10.0.0.0/8; \"\" is none "
            + "(when it is not set: anywhere with credentials, and loopback without)"
    ) { $1.registrationNetworks = try $0.networks() }

    package static let registrationReplace = bool(
        "registration.replace", "Whether a registered workload may be replaced, over either protocol",
        \.replacesWorkloads)

    package static let challengeLifetime = duration(
        "challenge.lifetime", "How long a challenge may be answered", default: "5m", upTo: 86_400,
        \.lifetimes.challenge)

    package static let sessionLifetime = duration(
        "session.lifetime", "How long an attested guest may fetch its key", default: "3h", \.lifetimes.session)

    package static let snpAllowDebug = bool(
        "snp.allow_debug", "Accept SNP guests that their host may debug, if registered so", \.policy.snp.allowsDebug)

    package static let snpAllowMigrationAgent = bool(
        "snp.allow_migration_agent", "Accept SNP guests with a migration agent, if registered so",
        \.policy.snp.allowsMigrationAgent)

    package static let snpVMPL = SettingKey(
        "snp.vmpl", "The privilege level that reports must be made at, 0 to 3", default: "0"
    ) { $1.policy.snp.vmpl = UInt64(try $0.number(0...3)) }

    package static let snpAllowProvisionalFirmware = bool(
        "snp.allow_provisional_firmware", "Accept hosts whose firmware is not committed",
        \.policy.snp.allowsProvisionalFirmware)

    package static let snpProducts = SettingKey(
        "snp.products", "Processors whose SNP guests are accepted", default: "milan, genoa, turin"
    ) {
        $1.policy.snp.products = try $0.names(of: Product.allCases.map { $0.rawValue.lowercased() })
            .compactMap { Product(name: $0.text) }
    }

    package static let snpCSPIDs = SettingKey(
        "snp.csp_ids",
        "Cloud providers whose VLEKs may sign reports, as the certificates name them, e.g. "
            + "CN=cc-us-east-2.amazonaws.com (default: any, and VCEKs too)"
    ) {
        let list = $0.list()
        $1.policy.snp.cspIDs = list.isEmpty ? nil : list.map { ExactText($0) }
    }

    package static let snpMinimumTCBMilan = SettingKey(
        "snp.minimum_tcb.milan", "Least TCB on Milan: boot loader, TEE, SNP, microcode, e.g. 03.00.20.209"
    ) { $1.policy.snp.minimumTCB[.milan] = try $0.tcb(.milan) }

    package static let snpMinimumTCBGenoa = SettingKey(
        "snp.minimum_tcb.genoa", "Least TCB on Genoa, in the same form"
    ) { $1.policy.snp.minimumTCB[.genoa] = try $0.tcb(.genoa) }

    package static let snpMinimumTCBTurin = SettingKey(
        "snp.minimum_tcb.turin", "Least TCB on Turin: FMC first, then the same four"
    ) { $1.policy.snp.minimumTCB[.turin] = try $0.tcb(.turin) }

    package static let snpMinimumMitigations = SettingKey(
        "snp.minimum_mitigations",
        "Bits that must be set in the mitigation vectors of reports, in hex, e.g. 0x1; reports before version 5 have none"
    ) {
        guard !$0.text.isEmpty else { return $1.policy.snp.minimumMitigations = 0 }
        guard let bits = UInt64(bits: $0.text) else { throw $0.invalid("bits in hex such as 0x1, or nothing") }
        $1.policy.snp.minimumMitigations = bits
    }

    package static let snpMinimumAtLaunch = bool(
        "snp.minimum_at_launch",
        "Hold the host's state at the guest's launch (LAUNCH_TCB, LAUNCH_MIT_VECTOR) to the minimums too",
        \.policy.snp.holdsMinimumAtLaunch)

    package static let sevEnabled = bool(
        "sev.enabled", "Accept SEV and SEV-ES guests, whose memory has no integrity", \.policy.allowsSEV)

    package static let sevProducts = SettingKey(
        "sev.products", "Processors whose SEV and SEV-ES guests are accepted", default: "naples, rome, milan"
    ) { $1.policy.sevProducts = try $0.names(of: ["naples", "rome", "milan", "simulated"]) }

    package static let sevAllowDebug = bool(
        "sev.allow_debug", "Accept SEV guests that their host may debug, if registered so", \.policy.allowsSEVDebug)
}
