import Broker
import Evidence

/// Settings that weaken the requirements on guests.
struct PolicyExamination: Examination {
    let settings: Settings

    func findings() -> [Finding] {
        let policy = settings.policy
        var findings: [Finding] = []
        func weak(_ isSet: Bool, _ setting: SettingKey, _ found: String) {
            guard isSet else { return }
            findings.append(
                .warning("policy.\(setting.name)", found, do: "remove \(setting.name), unless you need it"))
        }
        weak(policy.snp.allowsDebug, .snpAllowDebug, "the host may read guests whose registration allows it")
        weak(policy.allowsSEVDebug, .sevAllowDebug, "the host may read guests whose registration allows it")
        weak(
            policy.snp.allowsMigrationAgent, .snpAllowMigrationAgent, "a migration agent may copy guests to other hosts"
        )
        weak(policy.snp.allowsProvisionalFirmware, .snpAllowProvisionalFirmware, "the host can roll its firmware back")
        weak(
            !policy.snp.holdsMinimumAtLaunch, .snpMinimumAtLaunch,
            "guests that were launched by vulnerable firmware are accepted")
        weak(policy.snp.vmpl != 0, .snpVMPL, "reports are accepted from privilege level \(policy.snp.vmpl), not from 0")
        weak(
            settings.limits.requestsPerSecond == 0, .limitRequestsPerSecond,
            "an address may make requests without limit")
        if policy.snp.minimumTCB.isEmpty {
            findings.append(
                .warning(
                    "policy.minimum_tcb", "any firmware is accepted, unless a workload requires more",
                    do: "set snp.minimum_tcb.milan, .genoa and .turin to the TCBs in AMD's last security bulletin"))
        }
        if settings.simulatedRoots != nil {
            findings.append(
                .problem(
                    "policy.simulated_root", "simulated hardware is trusted: its keys give access to every secret",
                    do: "never with real secrets: start without --trust-simulated-root"))
        }
        if policy.allowsSample {
            findings.append(
                .problem(
                    "policy.sample", "guests without hardware are attested: anyone can be one",
                    do: "never with real secrets: start without --allow-sample"))
        }
        return findings.isEmpty ? [.ok("policy", "nothing is weakened")] : findings
    }
}
