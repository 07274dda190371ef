import Broker
import Evidence

/// Who may register, and which guests are believed.
extension SettingKey {
    static let guests = [
        registrationNetworks, registrationReplace, challengeLifetime, sessionLifetime, snpAllowDebug,
        snpAllowMigrationAgent, snpVMPL, snpAllowProvisionalFirmware, snpMinimumTCBMilan, snpMinimumTCBGenoa,
        snpMinimumTCBTurin, sevAllowDebug,
    ]

    public static let registrationNetworks = SettingKey(
        "registration.networks",
        "Networks that workloads may be administered from, such as 10.0.0.0/8; \"\" is none "
            + "(when it is not set: anywhere with credentials, and loopback without)"
    ) { $1.registrationNetworks = try $0.networks() }

    public static let registrationReplace = SettingKey(
        "registration.replace", "Whether a workload that is registered may be replaced, over either protocol",
        default: "true"
    ) { $1.replacesWorkloads = try $0.bool() }

    public static let challengeLifetime = SettingKey(
        "challenge.lifetime", "How long a challenge may be answered", default: "5m"
    ) { $1.lifetimes.challenge = try $0.duration(upTo: 86_400) }

    public static let sessionLifetime = SettingKey(
        "session.lifetime", "How long an attested guest may fetch its key", default: "3h"
    ) { $1.lifetimes.session = try $0.duration() }

    public static let snpAllowDebug = SettingKey(
        "snp.allow_debug", "Accept SNP guests that their host may debug, if registered so", default: "false"
    ) { $1.policy.allowsSNPDebug = try $0.bool() }

    public static let snpAllowMigrationAgent = SettingKey(
        "snp.allow_migration_agent", "Accept SNP guests with a migration agent, if registered so", default: "false"
    ) { $1.policy.allowsSNPMigrationAgent = try $0.bool() }

    public static let snpVMPL = SettingKey(
        "snp.vmpl", "The privilege level that reports must be made at, 0 to 3", default: "0"
    ) { $1.policy.vmpl = UInt32(try $0.number(0...3)) }

    public static let snpAllowProvisionalFirmware = SettingKey(
        "snp.allow_provisional_firmware", "Accept hosts whose firmware is not committed", default: "false"
    ) { $1.policy.allowsProvisionalFirmware = try $0.bool() }

    public static let snpMinimumTCBMilan = SettingKey(
        "snp.minimum_tcb.milan", "Least TCB on Milan: boot loader, TEE, SNP, microcode, e.g. 03.00.20.209"
    ) { $1.policy.minimumTCB[.milan] = try $0.tcb(.milan) }

    public static let snpMinimumTCBGenoa = SettingKey(
        "snp.minimum_tcb.genoa", "Least TCB on Genoa, in the same form"
    ) { $1.policy.minimumTCB[.genoa] = try $0.tcb(.genoa) }

    public static let snpMinimumTCBTurin = SettingKey(
        "snp.minimum_tcb.turin", "Least TCB on Turin: FMC first, then the same four"
    ) { $1.policy.minimumTCB[.turin] = try $0.tcb(.turin) }

    public static let sevAllowDebug = SettingKey(
        "sev.allow_debug", "Accept SEV guests that their host may debug, if registered so", default: "false"
    ) { $1.policy.allowsSEVDebug = try $0.bool() }
}
