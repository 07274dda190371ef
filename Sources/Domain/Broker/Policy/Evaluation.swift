import Bytes
public import Evidence
public import FoundationEssentials

extension ResourcePolicy {
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
        var list = [technology(claims, under: server)]
        if !initData.isEmpty { list.append(initData(claims)) }
        list += agentPolicy(claims)
        switch claims.platform {
        case .snp(let claims):
            let digests = DigestRule.Context(policy: name, references: references, time: time)
            list += identity(claims, digests) + hardware(claims, under: server) + launch(claims, under: server)
        case .sample:
            // Nothing stands behind a sample: what is asked of hardware it does not have.
            if needsHardware {
                list.append(
                    Requirement(
                        .policyMeasurement, expected: .text("a guest with hardware behind it"),
                        found: .text("a sample"),
                        isMet: false,
                        advice: "The policy \(name) asks for what only hardware can say, and a sample has none: "
                            + "give samples a policy of their own."))
            }
        }
        return list
    }

    private var needsHardware: Bool {
        var bare = ResourcePolicy(name: name)
        bare.description = description
        bare.tees = tees
        (bare.initData, bare.isInitDataOpen) = (initData, isInitDataOpen)
        (bare.containerImages, bare.agentPolicyClaims) = (containerImages, agentPolicyClaims)
        bare.agentPolicyRules = agentPolicyRules
        bare.issuers = issuers
        bare.agentDecision = agentDecision
        bare.acceptsAnyMeasurement = acceptsAnyMeasurement
        return self != bare
    }

    // MARK: Rules of all technologies

    /// A sample needs the server's word each time, not only when it attested: it may have attested at another server, or
    /// before this one was started without.
    private func technology(_ claims: GuestClaims, under server: AppraisalPolicy) -> Requirement {
        let isTakenByServer = claims.tee != .sample || server.allowsSample
        return Requirement(
            .policyTechnology,
            expected: .text(
                isTakenByServer ? tees.map(\.rawValue).joined(separator: " or ") : "a guest with hardware behind it"),
            found: .text(claims.tee.rawValue), isMet: tees.contains(claims.tee) && isTakenByServer,
            advice: isTakenByServer
                ? "The policy \(name) is not for \(claims.tee.rawValue) guests: add \(claims.tee.rawValue) to its `tee`, "
                    + "if they may have this."
                : "This server takes no samples, behind which there is no hardware, whatever the policy \(name) says: run "
                    + "the guest on SEV-SNP.")
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

    // MARK: What the guest is

    private func identity(_ claims: SNPClaims, _ context: DigestRule.Context) -> [Requirement] {
        let digests = [
            DigestRule(
                .policyMeasurement, of: .measurement, "launch measurement", measurements,
                change: "register the new image's measurement, or find out who changed the guest"
            ).requirement(on: claims.measurement, context),
            DigestRule(
                .policyIDKey, of: .idKey, "ID key digest", idKeyDigests,
                change: "launch the guest with an ID block that one of these keys signed"
            ).requirement(on: claims.idKeyDigest, context),
            DigestRule(
                .policyAuthorKey, of: .authorKey, "author key digest", authorKeyDigests,
                change: "launch the guest with an ID key that one of these author keys signed"
            ).requirement(on: claims.authorKeyDigest, context),
            DigestRule(
                .policyHostData, of: .hostData, "host data", hostData,
                change: "launch the guest with the init data that they stand for"
            ).requirement(on: claims.hostData, context),
        ]
        return digests.compactMap { $0 }
            + [
                identifier(.policyFamilyID, "family id", familyIDs, claims.familyID),
                identifier(.policyImageID, "image id", imageIDs, claims.imageID), guestSVN(claims),
            ].compactMap { $0 }
    }

    private func identifier(
        _ check: Check.Name, _ noun: String, _ wanted: [[UInt8]]?, _ found: [UInt8]
    ) -> Requirement? {
        guard let wanted else { return nil }
        return Requirement(
            check, expected: .text(wanted.map { Hex.encode($0) }.joined(separator: " or ")), found: .bytes(found),
            isMet: wanted.contains(found),
            advice:
                "The guest's \(noun) is none of the policy \(name)'s: launch it with an ID block that has one of them.")
    }

    private func guestSVN(_ claims: SNPClaims) -> Requirement? {
        guard let minimumGuestSVN else { return nil }
        return Requirement(
            .policyGuestSVN, expected: .text("\(minimumGuestSVN) or more"), found: Fact(stated: claims.guestSVN),
            isMet: claims.guestSVN.map { $0 >= minimumGuestSVN } ?? false,
            advice: "The guest's security version is lower than the policy \(name) asks for: launch a newer image.")
    }

    // MARK: What it runs on

    private func hardware(_ claims: SNPClaims, under server: AppraisalPolicy) -> [Requirement] {
        var list: [Requirement] = []
        if products != nil || server.products != Set(Product.allCases) {
            let accepted = (products ?? Product.allCases).filter(server.products.contains)
            let isOfServer = claims.product.map { !server.products.contains($0) } ?? false
            list.append(
                Requirement(
                    .policyProduct, expected: .text(accepted.map(\.rawValue).joined(separator: " or ")),
                    found: .text(claims.product?.rawValue ?? "not stated"),
                    isMet: claims.product.map(accepted.contains) ?? false,
                    advice: isOfServer
                        ? "This server takes no guests on this processor (snp.products): run the guest on another."
                        : "The policy \(name) does not let this processor's guests in: run the guest on one of its "
                            + "`products`."))
        }
        for (providers, isOfServer) in [(cspIDs, false), (server.cspIDs, true)] {
            guard let providers else { continue }
            list.append(
                Requirement(
                    .policyCSPID, expected: .text(providers.map(\.text).joined(separator: " or ")),
                    found: .text(claims.cspID?.text ?? "not stated"),
                    isMet: claims.cspID.map(providers.contains) ?? false,
                    advice: "The report is not signed by a VLEK of a cloud provider in "
                        + (isOfServer ? "snp.csp_ids" : "the policy \(name)'s csp_ids")
                        + ": run the guest there, or add the provider."))
        }
        if let endorsements {
            list.append(
                Requirement(
                    .policyEndorsement, expected: .text(endorsements.map(\.rawValue).joined(separator: " or ")),
                    found: .text(claims.endorsement?.rawValue ?? "not stated"),
                    isMet: claims.endorsement.map(endorsements.contains) ?? false,
                    advice: "The policy \(name) asks for reports that another kind of key signs."))
        }
        if let chips {
            list.append(
                Requirement(
                    .policyChip, expected: .text("one of \(chips.count) chips"), found: .bytes(claims.chipID),
                    isMet: chips.contains {
                        claims.chipID.starts(with: $0) && claims.chipID.dropFirst($0.count).isAllZero
                    },
                    advice: "The policy \(name) does not name this chip: run the guest on a host that it names, or add "
                        + "the chip to its `chips`."))
        }
        if let requirement = minimumTCB(claims, under: server) { list.append(requirement) }
        if let requirement = mitigations(claims, under: server) { list.append(requirement) }
        if !platform.isEmpty {
            let missing = PlatformFeatures(rawValue: claims.platformInfo ?? 0).missing(from: platform)
            list.append(
                Requirement(
                    .policyPlatform, expected: .text(platform.names.joined(separator: ", ")),
                    found: claims.platformInfo.map { .bits($0) } ?? .text("not stated"), isMet: missing.isEmpty,
                    advice:
                        "The host lacks what the policy \(name) asks for (\(missing.names.joined(separator: ", "))): "
                        + "turn it on in the host's firmware, or use another host."))
        }
        return list
    }

    private func minimumTCB(_ claims: SNPClaims, under server: AppraisalPolicy) -> Requirement? {
        guard let product = claims.product, let reported = claims.reportedTCB else {
            guard !minimumTCB.isEmpty || !server.minimumTCB.isEmpty else { return nil }
            return Requirement(
                .policyMinimumTCB, expected: .text("a minimum for each processor"), found: .text("not stated"),
                isMet: false,
                advice:
                    "The policy \(name) has a minimum TCB and the token does not say which processor its TCB is for: "
                    + "let the guest attest here.")
        }
        if !minimumTCB.isEmpty, minimumTCB[product] == nil {
            return Requirement(
                .policyMinimumTCB, expected: .text("a minimum for \(product.rawValue)"), found: .tcb(reported),
                isMet: false,
                advice: "The policy \(name) has minimum TCBs, and none for \(product.rawValue): add one, if its guests "
                    + "may have this.")
        }
        let floors = [
            minimumTCB[product].map { TCBFloor($0, holdsAtLaunch: holdsMinimumAtLaunch) },
            server.minimumTCB[product].map { TCBFloor($0, holdsAtLaunch: server.holdsMinimumAtLaunch) },
        ].compactMap(\.self)
        guard let first = floors.first else { return nil }
        let shortfall = floors.lazy.compactMap { $0.shortfall(of: claims.statedTCBs) }.first
        return Requirement(
            .policyMinimumTCB, expected: .tcb(floors.reduce(first.version) { $0.raised(to: $1.version) }),
            found: shortfall?.found ?? .tcb(reported), isMet: shortfall == nil,
            advice: shortfall?.advice(
                lowering: "the policy \(name)'s minimum_tcb and snp.minimum_tcb.\(product.rawValue.lowercased())") ?? ""
        )
    }

    private func mitigations(_ claims: SNPClaims, under server: AppraisalPolicy) -> Requirement? {
        let wanted = minimumMitigations | server.minimumMitigations
        guard wanted != 0 else { return nil }
        let shortfalls = [
            (minimumMitigations, holdsMinimumAtLaunch), (server.minimumMitigations, server.holdsMinimumAtLaunch),
        ].filter { $0.0 != 0 }.compactMap { claims.mitigations.shortfall(from: $0.0, holdsAtLaunch: $0.1) }
        return Requirement(
            .policyMitigations, expected: .bits(wanted), found: claims.mitigations.found, isMet: shortfalls.isEmpty,
            advice:
                "The host's firmware lacks mitigations (\(shortfalls.first ?? "")): update it and launch the guest again, "
                + "or change the policy \(name)'s minimum_mitigations and snp.minimum_mitigations.")
    }

    // MARK: How it was launched

    private func launch(_ claims: SNPClaims, under server: AppraisalPolicy) -> [Requirement] {
        let wanted = vmpl ?? .exactly(server.vmpl)
        var list = [
            Requirement(
                .policyVMPL, expected: .text(wanted.description), found: Fact(stated: claims.vmpl),
                isMet: claims.vmpl.map(wanted.accepts) ?? false,
                advice:
                    "The report was made at another privilege level than the policy \(name) accepts (\(wanted)): ask "
                    + "for it there, or change the policy's `vmpl`."),
            gate(
                .policyDebug, .debugAllowed, "debug", claims, isAllowedByServer: server.allowsSNPDebug,
                setting: "snp.allow_debug", danger: "The host may read a guest that allows debugging"),
            gate(
                .policyMigrationAgent, .migrationAgentAllowed, "migration_agent", claims,
                isAllowedByServer: server.allowsSNPMigrationAgent, setting: "snp.allow_migration_agent",
                danger: "The host may move a guest that allows a migration agent"),
        ]
        let permissions = claims.policy.excess(over: allows.union([.debugAllowed, .migrationAgentAllowed]))
        list.append(
            Requirement(
                .policyPermissions, expected: .text("no more than the policy allows"),
                found: .text(permissions.isEmpty ? "no more" : permissions.joined(separator: ", ")),
                isMet: permissions.isEmpty,
                advice:
                    "The guest lets its host do more than the policy \(name) allows: launch it without, or add it to "
                    + "the policy's `allow`."))
        if !requires.isEmpty {
            let missing = claims.policy.excess(over: requires.union(.permissions))
            list.append(
                Requirement(
                    .policyRestrictions, expected: .text("what the policy requires"),
                    found: .text(missing.isEmpty ? "all of it" : missing.joined(separator: ", ")),
                    isMet: missing.isEmpty,
                    advice: "The guest does not demand of its host what the policy \(name) requires: launch it so."))
        }
        return list
    }

    /// A permission that counts only when the server allows it too.
    private func gate(
        _ check: Check.Name, _ permission: GuestPolicy, _ word: String, _ claims: SNPClaims, isAllowedByServer: Bool,
        setting: String, danger: String
    ) -> Requirement {
        let isOn = claims.policy.contains(permission)
        let isAllowed = allows.contains(permission) && isAllowedByServer
        return Requirement(
            check, expected: .text(isAllowed ? "on or off" : "off"), found: .text(isOn ? "on" : "off"),
            isMet: !isOn || isAllowed,
            advice: allows.contains(permission)
                ? "\(danger), and this server takes none: launch it without, or set \(setting) if that is meant."
                : "\(danger), and the policy \(name) does not allow it: launch it without, or add \(word) to the policy's "
                    + "`allow` and set \(setting), if that is meant.")
    }
}

extension ResourcePolicy.VMPL: CustomStringConvertible {
    func accepts(_ vmpl: UInt32) -> Bool {
        switch self {
        case .exactly(let wanted): vmpl == wanted
        case .atMost(let most): vmpl <= most
        }
    }

    public var description: String {
        switch self {
        case .exactly(let wanted): "\(wanted)"
        case .atMost(let most): "at most \(most)"
        }
    }
}

extension Fact {
    fileprivate init(stated number: UInt32?) { self = number.map { .number(UInt64($0)) } ?? .text("not stated") }
}
