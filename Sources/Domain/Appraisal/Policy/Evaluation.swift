import Bytes
public import Evidence
public import FoundationEssentials

extension Policy {
    /// Holds claims against every rule, and those of the server that hold whatever a policy says.
    ///
    /// - Parameters:
    ///   - claims: of evidence that was found genuine.
    ///   - references: at least the sets that the policy names. One that is missing lets nobody in.
    ///   - server: what the server accepts at all.
    public func evaluate(
        _ claims: GuestClaims, references: ReferenceValues, under server: AppraisalPolicy, at time: Date
    ) -> Verdict {
        Verdict(of: requirements(on: claims, references: references, under: server, at: time))
    }

    /// The same as a list, to be added to the verdict on the evidence itself.
    public func requirements(
        on claims: GuestClaims, references: ReferenceValues, under server: AppraisalPolicy, at time: Date
    ) -> [Requirement] {
        var list = [technology(claims.tee, under: server)]
        if !initData.isEmpty { list.append(initData(claims)) }
        list += agentPolicy(claims)
        if let own = rules[claims.tee] {
            list +=
                Question(
                    claims.evidence, origin: .policy(name), own: own, server: server.rules[claims.tee] ?? Rules(),
                    references: references, at: time
                ).requirements
        }
        return list
    }

    /// A guest needs the server's word each time, not only when it attested: it may have attested at another server, or
    /// before this one was started with other settings.
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

    /// What the policy does not list would be the host's own choice: the address of another broker, for one.
    private func initData(_ claims: GuestClaims) -> Requirement {
        let wrong = initData.filter { claims.initData[$0.key] != $0.value }.keys.sorted().map(\.text)
        let more = isInitDataOpen ? [] : claims.initData.keys.filter { initData[$0] == nil }.sorted().map(\.text)
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
            advice: claims.initData.isEmpty
                ? "The guest sent no init data and the policy \(name) asks for some: launch it with them."
                : wrong.isEmpty
                    ? "The guest's init data have entries that the policy \(name) does not list, as its host wanted: list "
                        + "them, or set init_data_open if any are meant."
                    : "The guest's init data are not those of the policy \(name): launch it with the right ones, "
                        + "or change the policy.")
    }

    /// What the agent's policy lets the pod run. Init data that no evidence is bound to are not among the claims.
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
    /// What the server's own conditions make of a guest, whatever else is asked of it.
    public func evaluate(_ claims: GuestClaims, at time: Date) -> Verdict {
        Verdict(
            of: [technology(claims.tee)]
                + Question(
                    claims.evidence, origin: .registration, own: Rules(), server: rules[claims.tee] ?? Rules(), at: time
                ).requirements)
    }

    /// Whether guests of a technology are taken at all.
    public func technology(_ tee: GuestTEE) -> Requirement {
        Requirement(
            .policyTechnology, expected: .text("a technology that this server takes"), found: .text(tee.rawValue),
            isMet: rules[tee] != nil, advice: Vocabulary.of(tee).advice)
    }
}
