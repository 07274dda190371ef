import Bytes
import Evidence
public import FoundationEssentials

extension Policy {
    /// The policy in plain English, one rule a line. Dangerous rules come first, as warnings.
    ///
    /// - Parameters:
    ///   - references: the existing sets, to state the number and expiry of their values; `nil` where sets cannot be
    ///     looked up.
    public func explanation(references: ReferenceValues?, at time: Date) -> String {
        var lines = dangers.map { "WARNING: \($0)" }
        if !lines.isEmpty { lines.append("") }
        lines.append("A guest gets what has the policy \(name) when all of this is so:")
        lines += rules(Wording(references: references, time: time)).map { "- \($0)" }
        return lines.joined(separator: "\n")
    }

    private var dangers: [String] {
        var dangers: [String] = []
        if vocabularies.contains(where: { $0.danger == nil && rules[$0.tee]?.bool(.acceptsAny) == true }) {
            dangers.append(
                agentDecision == nil
                    ? "ANY genuine guest gets in that meets the rest, WHATEVER SOFTWARE IT RUNS. Anyone can rent a "
                        + "confidential virtual machine."
                    : "the rules ask nothing about the software that a guest runs. Only the Open Policy Agent does.")
        }
        for vocabulary in vocabularies {
            if let danger = vocabulary.danger { dangers.append(danger) }
            for rule in vocabulary.rules {
                guard case .flags(let flags, _) = rule.shape, case .bits(let bits)? = rules[vocabulary.tee]?[rule.key]
                else { continue }
                dangers += flags.words(of: bits).compactMap(\.danger)
            }
        }
        if containerImages != nil || !agentPolicyClaims.isEmpty, agentPolicyRules == nil,
            initData[AgentPolicy.name] == nil, !rules.values.allSatisfy({ $0[.hostData] != nil })
        {
            dangers.append(
                "container_images and agent_policy_claims hold the data of the agent's policy and not its rules: a "
                    + "host that writes rules of its own runs what it likes. Name the rules in agent_policy_rules.")
        }
        return dangers
    }

    private func rules(_ wording: Wording) -> [String] {
        func either(_ intro: String, _ list: [String]?) -> String? { list.map { "\(intro) \(Wording.either($0))" } }
        var lines = ["its evidence is genuine, and of \(Wording.either(vocabularies.map(\.name)))"]
        for vocabulary in vocabularies {
            let whose = vocabularies.count > 1 ? "(of \(vocabulary.name)) " : ""
            guard let rules = rules[vocabulary.tee] else { continue }
            lines += vocabulary.rules.compactMap { $0.words(rules, wording) }.map { whose + $0 }
        }
        lines += [
            initData.isEmpty
                ? nil
                : "its init data have the policy's \(initData.keys.sorted().map(\.text).joined(separator: ", "))"
                    + (isInitDataOpen ? ", and may have more, as its host wants" : " and nothing else"),
            either("its agent's policy lets it run only the container images", containerImages?.map(\.text)),
            either("the rules of its agent's policy have the digest", agentPolicyRules?.map { Hex.encode($0) }),
            agentPolicyClaims.isEmpty
                ? nil
                : "its agent's policy has "
                    + agentPolicyClaims.sorted { $0.key < $1.key }.map { "\($0.value) at \($0.key)" }
                    .joined(separator: ", "),
            "it attested here"
                + (issuers.isEmpty
                    ? "" : ", or comes with a token of \(Wording.either(issuers.map(\.text)))"),
            agentDecision.map { "the Open Policy Agent says true to \($0)" },
        ].compactMap(\.self)
        return lines
            + [
                rules[.snp].map { _ in "the server's own settings (snp.*) accept it" },
                rules[.sample].map { _ in
                    "a guest without hardware comes to a server that attests such (--allow-sample)"
                },
            ].compactMap(\.self)
    }
}
