import Bytes
public import Evidence

/// Rules of SEV-SNP that combine several claims or conditions.
extension RuleInput {
    /// The permissions that the guest policy gives the host. Debugging and migration need the server's permission too.
    var permissions: [Requirement] {
        let guest = claims.guestPolicy
        guard case .policy(let policy) = origin else {
            return registeredPolicy(guest) + [
                gate(
                    .snpDebug, .debugAllowed, isAllowed: server.allowsDebug,
                    advice: "The host may read a guest that allows debugging: launch it without, "
                        + "or set snp.allow_debug if its secrets may be seen."),
                gate(
                    .snpMigrationAgent, .migrationAgentAllowed, isAllowed: server.allowsMigrationAgent,
                    advice: "The host may bind a migration agent of its choice, which can move the guest's memory "
                        + "elsewhere: launch it without, or set snp.allow_migration_agent."),
            ]
        }
        let excess = guest.excess(over: own.allowed.union([.debugAllowed, .migrationAgentAllowed]))
        return [
            gate(
                .policyDebug, .debugAllowed, "debug", of: policy, isAllowedByServer: server.allowsDebug,
                setting: "snp.allow_debug", danger: "The host may read a guest that allows debugging"),
            gate(
                .policyMigrationAgent, .migrationAgentAllowed, "migration_agent", of: policy,
                isAllowedByServer: server.allowsMigrationAgent, setting: "snp.allow_migration_agent",
                danger: "The host may move a guest that allows a migration agent"),
            Requirement(
                .policyPermissions, expected: .text("no more than the policy allows"),
                found: .text(excess.isEmpty ? "no more" : excess.joined(separator: ", ")), isMet: excess.isEmpty,
                advice:
                    "The guest lets its host do more than the policy \(policy) allows: launch it without, or add it to "
                    + "the policy's `allow`."),
        ]
    }

    /// The registered guest policy, as the widest. Without a registration there is none: the policy of each resource
    /// decides.
    private func registeredPolicy(_ guest: GuestPolicy) -> [Requirement] {
        guard own[.allow] != nil || own[.require] != nil else { return [] }
        let registered = own.allowed.union(GuestPolicy(rawValue: own.bits(.require) ?? 0))
        let excess = guest.excess(over: registered)
        return [
            Requirement(
                .snpPolicy, expected: .bits(registered.rawValue), found: .bits(guest.rawValue), isMet: excess.isEmpty,
                advice: "The guest's policy is wider than registered (\(excess.joined(separator: ", "))): "
                    + "launch it with the registered policy, or register this one.")
        ]
    }

    private func gate(
        _ name: Check.Name, _ permission: GuestPolicy, isAllowed: Bool, advice: @autoclosure () -> String
    ) -> Requirement {
        let isOn = claims.guestPolicy.contains(permission)
        return Requirement(
            name, expected: .text(isAllowed ? "on or off" : "off"), found: .text(isOn ? "on" : "off"),
            isMet: !isOn || isAllowed, advice: advice())
    }

    /// The requirement on a permission that needs the server's permission too.
    private func gate(
        _ name: Check.Name, _ permission: GuestPolicy, _ word: String, of policy: PolicyName, isAllowedByServer: Bool,
        setting: String, danger: String
    ) -> Requirement {
        let isAllowed = own.allowed.contains(permission)
        return gate(
            name, permission, isAllowed: isAllowed && isAllowedByServer,
            advice: isAllowed
                ? "\(danger), and this server accepts none: launch it without, or set \(setting) if that is meant."
                : "\(danger), and the policy \(policy) does not allow it: launch it without, or add \(word) to the policy's "
                    + "`allow` and set \(setting), if that is meant.")
    }

    /// The restrictions that the guest policy puts on the host. A registration's are part of ``permissions``.
    var restrictions: [Requirement] {
        guard case .policy(let policy) = origin, let wanted = own.bits(.require) else { return [] }
        let missing = claims.guestPolicy.excess(over: GuestPolicy(rawValue: wanted).union(.permissions))
        return [
            Requirement(
                .policyRestrictions, expected: .text("what the policy requires"),
                found: .text(missing.isEmpty ? "all of it" : missing.joined(separator: ", ")), isMet: missing.isEmpty,
                advice: "The guest does not demand of its host what the policy \(policy) requires: launch it so.")
        ]
    }

    /// The report's VMPL. A policy's own level replaces the server's.
    var privilegeLevel: [Requirement] {
        let found = claims.number(SNPTerm.vmpl)
        guard case .policy(let policy) = origin else {
            return [
                Requirement(
                    .snpVMPL, expected: .number(server.vmpl), found: claims[SNPTerm.vmpl].stated,
                    isMet: found == server.vmpl,
                    advice: "The report was made at VMPL \(claims[SNPTerm.vmpl].stated) and snp.vmpl is \(server.vmpl)."
                )
            ]
        }
        let (wanted, isMet): (String, Bool) =
            if let most = own.number(.maxVMPL) {
                ("at most \(most)", found.map { $0 <= most } ?? false)
            } else {
                ("\(own.number(.vmpl) ?? server.vmpl)", found == own.number(.vmpl) ?? server.vmpl)
            }
        return [
            Requirement(
                .policyVMPL, expected: .text(wanted), found: claims[SNPTerm.vmpl].stated, isMet: isMet,
                advice:
                    "The report was made at another privilege level than the policy \(policy) accepts (\(wanted)): ask "
                    + "for it there, or change the policy's `vmpl`.")
        ]
    }

    /// The chip's id. A report of a Turin chip has eight bytes, followed by zeros.
    var chip: [Requirement] {
        conditions(.chips).map { condition, owner in
            let chips = condition.values
            let found = claims.bytes(SNPTerm.chipID) ?? []
            return Requirement(
                .policyChip, expected: .text("one of \(chips.count) chips"), found: .bytes(found),
                isMet: chips.contains { found.starts(with: $0) && found.dropFirst($0.count).isAllZero },
                advice: "\(owner.subject) does not name this chip: run the guest on a host that it names, or add "
                    + "the chip to its `chips`.")
        }
    }

    var platform: [Requirement] {
        conditions(.requirePlatform).map { condition, owner in
            let wanted = PlatformFeatures(rawValue: condition.bits)
            let missing = PlatformFeatures(rawValue: claims.number(SNPTerm.platformInfo) ?? 0).missing(from: wanted)
            return Requirement(
                .policyPlatform, expected: .text(wanted.names.joined(separator: ", ")),
                found: claims[SNPTerm.platformInfo].stated, isMet: missing.isEmpty,
                advice: "The host lacks what \(owner.whose) asks for (\(missing.names.joined(separator: ", "))): "
                    + "turn it on in the host's firmware, or use another host.")
        }
    }

    /// The TCB floors. A policy with floors refuses products that it does not list; the server's hold for listed
    /// products alone.
    var minimumTCB: [Requirement] {
        conditions(.minimumTCB).compactMap { condition, owner in
            func requirement(_ expected: Fact, _ found: Fact, _ shortfall: String?) -> Requirement {
                Requirement(
                    name(.snpMinimumTCB, .policyMinimumTCB), expected: expected, found: found, isMet: shortfall == nil,
                    advice: shortfall ?? "")
            }
            guard let product = claims.product, let reported = claims.tcb(SNPTerm.reportedTCB) else {
                return requirement(
                    .text("a minimum for each processor"), .text("not stated"),
                    "There is a minimum TCB (\(owner.place("minimum_tcb", of: .snp))), and the token does not say which "
                        + "processor its TCB is for: let the guest attest here.")
            }
            guard let text = condition.table[ExactText(product.rawValue)] else {
                guard case .policy(let policy) = owner else { return nil }
                return requirement(
                    .text("a minimum for \(product.rawValue)"), .tcb(reported),
                    "The policy \(policy) has minimum TCBs, and none for \(product.rawValue): add one, if its guests "
                        + "may have this.")
            }
            guard let version = TCBVersion(text.text, product: product) else {
                return requirement(.text(text.text), .tcb(reported), "The minimum TCB \(text) cannot be read.")
            }
            let floor = TCBFloor(version, holdsAtLaunch: rules(of: owner).holdsMinimumAtLaunch)
            let shortfall = floor.shortfall(of: claims)
            return requirement(
                .tcb(version), shortfall?.found ?? .tcb(reported),
                shortfall?.advice(
                    lowering: owner.isServer
                        ? "snp.minimum_tcb.\(product.rawValue.lowercased())" : owner.place("minimum_tcb", of: .snp)))
        }
    }

    var mitigations: [Requirement] {
        conditions(.minimumMitigations).map { condition, owner in
            let wanted = condition.bits
            let stated = StatedMitigations(
                current: claims.number(SNPTerm.currentMitigations), launch: claims.number(SNPTerm.launchMitigations))
            let shortfall = stated.shortfall(from: wanted, holdsAtLaunch: rules(of: owner).holdsMinimumAtLaunch)
            return Requirement(
                name(.snpMitigations, .policyMitigations), expected: .bits(wanted), found: stated.found,
                isMet: shortfall == nil,
                advice:
                    "The host's firmware lacks mitigations (\(shortfall ?? "")): update it and launch the guest again, or "
                    + "change \(owner.place("minimum_mitigations", of: .snp)).")
        }
    }

    /// The firmware of a guest that attested here, among the server's settings. For another verifier's guests it is
    /// checked when their token is read.
    var committedFirmware: [Requirement] {
        guard case .registration = origin else { return [] }
        let current = claims.tcb(SNPTerm.currentTCB)?.description ?? "not stated"
        return [
            Requirement(
                .snpProvisional, expected: .text(server.allowsProvisionalFirmware ? "committed or not" : current),
                found: claims[SNPTerm.committedTCB].stated,
                isMet: server.allowsProvisionalFirmware || claims.hasCommittedFirmware,
                advice:
                    "The host's firmware (\(current)) is not committed (\(claims[SNPTerm.committedTCB].stated)), so it can "
                    + "be rolled back: commit it, or set snp.allow_provisional_firmware.")
        ]
    }

    private func rules(of owner: Owner) -> Rules { owner.isServer ? server : own }
}

extension Claims {
    /// Whether COMMITTED_TCB is at least CURRENT_TCB, and the committed firmware has the same build as far as builds
    /// are stated.
    public var hasCommittedFirmware: Bool {
        guard let committed = tcb(SNPTerm.committedTCB), let current = tcb(SNPTerm.currentTCB) else { return false }
        return committed.isAtLeast(current) && self[SNPTerm.committedFirmware] == self[SNPTerm.currentFirmware]
    }
}
