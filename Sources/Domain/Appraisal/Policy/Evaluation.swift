import Bytes
public import Evidence
public import FoundationEssentials

extension Policy {
    /// Evaluates all rules on claims, and the server's settings, which hold whatever a policy says.
    ///
    /// - Parameters:
    ///   - claims: the claims of genuine evidence.
    ///   - references: at least the sets that the policy names. A missing set accepts no guest.
    ///   - server: the server's settings.
    public func evaluate(
        _ claims: GuestClaims, references: ReferenceValues, under server: AppraisalPolicy, at time: Date
    ) -> Verdict {
        Verdict(of: requirements(on: claims, references: references, under: server, at: time))
    }

    /// The requirements of ``evaluate(_:references:under:at:)``, to be added to the verdict on the evidence.
    public func requirements(
        on claims: GuestClaims, references: ReferenceValues, under server: AppraisalPolicy, at time: Date
    ) -> [Requirement] {
        var list = [technology(claims.tee, under: server)]
        if !initData.isEmpty { list.append(initData(claims)) }
        list += agentPolicy(claims)
        if let own = rules[claims.tee] {
            list +=
                RuleInput(
                    claims.evidence, origin: .policy(name), own: own, server: server.rules[claims.tee] ?? Rules(),
                    references: references, at: time
                ).requirements
        }
        return list
    }

    /// The technology is checked at each release, not only at attestation: the guest may have attested at another
    /// server, or before this one was restarted with other settings.
    private func technology(_ tee: GuestTEE, under server: AppraisalPolicy) -> Requirement {
        let isTaken = server.rules[tee] != nil
        let taken = vocabularies.map(\.tee).filter { server.rules[$0] != nil }.map(\.rawValue)
        return Requirement(
            .policyTechnology,
            expected: .text(taken.isEmpty ? "a technology that this server takes" : Wording.either(taken)),
            found: .text(tee.rawValue), isMet: isTaken && rules[tee] != nil,
            advice: isTaken
                ? "The policy \(name) is not for \(tee.rawValue) guests: add a table [\(tee.rawValue)], if they may have this."
                : Vocabulary.of(tee).advice)
    }

    /// The init data must be those listed: any other entry is the host's choice, such as the address of another broker.
    private func initData(_ claims: GuestClaims) -> Requirement {
        let wrong = initData.filter { claims.initData[$0.key] != $0.value }.keys.sorted().map(\.text)
        let names = claims.reshapedInitData.union(claims.initData.keys)
        let more = isInitDataOpen ? [] : names.filter { initData[$0] == nil }.sorted().map(\.text)
        let faults = [
            wrong.isEmpty ? nil : "\(wrong.joined(separator: ", ")) missing or different",
            more.isEmpty ? nil : "\(more.prefix(8).joined(separator: ", ")) not in the policy",
        ].compactMap(\.self)
        return Requirement(
            .policyInitData,
            expected: .text(
                initData.keys.sorted().map(\.text).joined(separator: ", ") + " as in the policy"
                    + (isInitDataOpen ? "" : ", and nothing else")),
            found: .text(faults.isEmpty ? "the same" : faults.joined(separator: "; ")), isMet: faults.isEmpty,
            advice: names.isEmpty
                ? "The guest sent no init data and the policy \(name) asks for some: launch it with them."
                : wrong.isEmpty
                    ? "The guest's init data have entries that the policy \(name) does not list, as its host wanted: list "
                        + "them, or set init_data_open if any are meant."
                    : "The guest's init data are not those of the policy \(name): launch it with the right ones, "
                        + "or change the policy.")
    }

    /// The containers that the agent's policy allows. Init data count only if evidence is bound to them.
    private func agentPolicy(_ claims: GuestClaims) -> [Requirement] {
        guard containerImages != nil || agentPolicyRules != nil || !agentPolicyClaims.isEmpty else { return [] }
        let agent = AgentPolicy(initData: claims.initData)
        var list: [Requirement] = []
        if let containerImages {
            let images = agent?.containerImages ?? []
            let strangers = images.filter { !containerImages.contains($0) }
            let unnamed = agent?.containersWithoutImage ?? 0
            let found =
                images.isEmpty
                ? "no images"
                : strangers.isEmpty
                    ? unnamed == 0 ? "these only" : "\(unnamed) containers without an image's name"
                    : strangers.prefix(4).map(\.text).joined(separator: ", ")
            list.append(
                Requirement(
                    .policyContainerImages, expected: .text(containerImages.map(\.text).joined(separator: " or ")),
                    found: .text(found), isMet: !images.isEmpty && strangers.isEmpty && unnamed == 0,
                    advice: images.isEmpty
                        ? "The guest's init data have no policy.rego whose policy_data name container images, and the policy "
                            + "\(name) asks for some: launch the pod with the policy that genpolicy writes."
                        : "The guest may run containers that the policy \(name) does not list (\(found)): launch the pod "
                            + "without, or add the images to container_images."))
        }
        if let agentPolicyRules {
            list.append(
                Requirement(
                    .policyAgentClaims,
                    expected: .text(agentPolicyRules.map { Hex.encode($0) }.joined(separator: " or ")),
                    found: agent.map { .bytes($0.rulesDigest) } ?? .text("no policy_data"),
                    isMet: agent.map { agentPolicyRules.contains($0.rulesDigest) } ?? false,
                    advice:
                        "The rules of the guest's agent policy are not those that the policy \(name) names: generate the "
                        + "pod's policy with the same genpolicy rules, or add their digest to agent_policy_rules."))
        }
        for (pointer, wanted) in agentPolicyClaims.sorted(by: { $0.key < $1.key }) {
            let found = agent?.value(at: pointer)
            list.append(
                Requirement(
                    .policyAgentClaims, expected: .text("\(pointer) is \(wanted)"),
                    found: .text(found?.text ?? "not there"), isMet: found == wanted,
                    advice:
                        "The guest's agent policy does not have what the policy \(name) wants at \(pointer): launch the "
                        + "pod with another, or change agent_policy_claims."))
        }
        return list
    }
}

extension AppraisalPolicy {
    /// Evaluates the server's settings alone.
    public func evaluate(_ claims: GuestClaims, at time: Date) -> Verdict {
        Verdict(of: [technology(claims.tee)] + requirements(on: claims.evidence, at: time))
    }

    /// The requirements of the server's settings for an accepted technology, under the names that they have at
    /// attestation.
    public func requirements(on claims: Claims, at time: Date) -> [Requirement] {
        RuleInput(claims, origin: .registration, own: Rules(), server: rules[claims.tee] ?? Rules(), at: time)
            .requirements
    }

    /// The requirement that the server accepts a technology.
    public func technology(_ tee: GuestTEE) -> Requirement {
        Requirement(
            .policyTechnology, expected: .text("a technology that this server takes"), found: .text(tee.rawValue),
            isMet: rules[tee] != nil, advice: Vocabulary.of(tee).advice)
    }
}
