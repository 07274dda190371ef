public import Broker
import Bytes
import Evidence
import Formats
public import FoundationEssentials

extension ResourcePolicy {
    /// Who gets in, in plain English, one rule a line. What is dangerous comes first and is loud.
    ///
    /// - Parameters:
    ///   - references: the sets that are there, so that their values' number and expiry can be told; `nil` where none
    ///     can be looked up.
    public func explanation(references: ReferenceValues?, at time: Date) -> String {
        var lines: [String] = []
        if acceptsAnyMeasurement {
            lines.append(
                agentDecision == nil
                    ? "WARNING: ANY genuine guest gets in that meets the rest, WHATEVER SOFTWARE IT RUNS. Anyone can rent a "
                        + "confidential virtual machine."
                    : "WARNING: the rules ask nothing about the software that a guest runs. Only the Open Policy Agent does."
            )
        }
        if tees.contains(.sample) {
            lines.append("WARNING: samples get in. They have no hardware behind them: anyone can make one up.")
        }
        if allows.contains(.debugAllowed) {
            lines.append("WARNING: guests that their host can read and change get in, where snp.allow_debug is set.")
        }
        if allows.contains(.migrationAgentAllowed) {
            lines.append("WARNING: guests that their host can move get in, where snp.allow_migration_agent is set.")
        }
        if containerImages != nil || !agentPolicyClaims.isEmpty, agentPolicyRules == nil,
            initData[AgentPolicy.name] == nil,
            hostData == nil
        {
            lines.append(
                "WARNING: container_images and agent_policy_claims hold the data of the agent's policy and not its rules: a "
                    + "host that writes rules of its own runs what it likes. Name the rules in agent_policy_rules.")
        }
        if !lines.isEmpty { lines.append("") }
        lines.append("A guest gets what has the policy \(name) when all of this is so:")
        lines += rules(references, time).map { "- \($0)" }
        return lines.joined(separator: "\n")
    }

    private func rules(_ references: ReferenceValues?, _ time: Date) -> [String] {
        func digests(_ noun: String, _ list: [Reference]?) -> String? {
            list.map { "\(noun) is \(Self.either($0.map { Self.describe($0, references, time) }))" }
        }
        func either(_ intro: String, _ list: [String]?) -> String? { list.map { "\(intro) \(Self.either($0))" } }
        let hex = { (list: [[UInt8]]?) in list?.map { Hex.encode($0) } }
        var rules: [String?] = [
            either("its evidence is genuine, and of", tees.map { $0 == .snp ? "SEV-SNP" : "a sample" }),
            either("it runs on", products?.map(\.rawValue)),
            digests("its launch measurement", measurements),
            digests("the digest of the key that signed its ID block", idKeyDigests),
            digests("the digest of its author key", authorKeyDigests),
            digests("its host data", hostData),
            either("its family id is", hex(familyIDs)),
            either("its image id is", hex(imageIDs)),
            minimumGuestSVN.map { "its security version is \($0) or higher" },
            vmpl.map { "its report was made at VMPL \($0)" } ?? "its report was made at the server's snp.vmpl",
        ]
        let mayDo = Words.permissions.meanings(of: allows)
        rules.append(
            mayDo.isEmpty
                ? "it lets its host do nothing that a guest can forbid"
                : "it can at most \(mayDo.joined(separator: ", "))")
        if !requires.isEmpty {
            rules.append(
                "it demands of its host: \(Words.restrictions.meanings(of: requires).joined(separator: ", "))")
        }
        if !platform.isEmpty {
            rules.append("its host has \(Words.platform.meanings(of: platform).joined(separator: ", "))")
        }
        let atLaunch = holdsMinimumAtLaunch ? ", and had when the guest was launched" : ""
        rules += [
            either("a key of this kind signed its report:", endorsements?.map { $0.rawValue.uppercased() }),
            chips.map { "it runs on one of \($0.count) chips" },
            either("a VLEK of this cloud provider signed its report:", cspIDs?.map(\.text)),
            minimumMitigations == 0
                ? nil
                : "its host's firmware has the mitigations 0x\(String(minimumMitigations, radix: 16)) in force"
                    + atLaunch,
            minimumTCB.isEmpty
                ? nil
                : "its host's TCB (reported, committed and current\(holdsMinimumAtLaunch ? ", and at launch" : "")) is at least "
                    + Self.either(
                        minimumTCB.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                            "\($0.value) on \($0.key.rawValue)"
                        })
                    + "; no other processor will do",
            initData.isEmpty
                ? nil
                : "its init data have the policy's \(initData.keys.sorted().map(\.text).joined(separator: ", "))"
                    + (isInitDataOpen ? ", and may have more, as its host wants" : " and nothing else"),
            either("its agent's policy lets it run only the container images", containerImages?.map(\.text)),
            either("the rules of its agent's policy have the digest", hex(agentPolicyRules)),
            agentPolicyClaims.isEmpty
                ? nil
                : "its agent's policy has "
                    + agentPolicyClaims.sorted { $0.key < $1.key }.map { "\($0.value) at \($0.key)" }
                    .joined(separator: ", "),
            "it attested here"
                + (issuers.isEmpty
                    ? "" : ", or comes with a token of \(Self.either(issuers.map(\.text)))"),
            agentDecision.map { "the Open Policy Agent says true to \($0)" },
        ]
        rules.append("the server's own settings (snp.*) accept it")
        return rules.compactMap(\.self)
    }

    private static func describe(_ reference: Reference, _ references: ReferenceValues?, _ time: Date) -> String {
        guard case .set(let name) = reference, let references else { return reference.description }
        guard let set = references[name] else { return "@\(name) (WHICH IS NOT THERE: nobody gets in by it)" }
        let count = "\(set.values.count) \(set.values.count == 1 ? "value" : "values")"
        guard let expires = set.expires else { return "@\(name) (\(count))" }
        let day = RFC3339.text(expires)
        return expires <= time
            ? "@\(name) (\(count), EXPIRED on \(day): nobody gets in by it)" : "@\(name) (\(count), until \(day))"
    }

    private static func either(_ list: [String]) -> String { list.joined(separator: " or ") }
}
