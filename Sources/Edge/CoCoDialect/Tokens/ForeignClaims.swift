import Broker
import Bytes
import Evidence
import Formats
import FoundationEssentials
import JOSE

/// A guest as stated by another verifier's token.
extension ForeignGuest {
    /// - Parameters:
    ///   - claims: of a token whose signature, issuer and times are verified.
    ///   - verifier: the token's issuer.
    ///   - server: the server's own conditions.
    /// - Throws: a ``Refusal``.
    init(
        _ claims: JWTClaims, of verifier: ForeignVerifier, keys: RecipientKey.Rules, under server: AppraisalPolicy,
        at time: Date
    ) throws(Refusal) {
        let (issuer, assumptions) = (verifier.issuer, verifier.assumptions)
        guard let cpu = claims["submods"]?["cpu0"], let evidence = cpu["ear.veraison.annotated-evidence"] else {
            throw Refusal(.unauthenticated, "The token says nothing of a processor (submods.cpu0).")
        }
        // A number or any other word is not a known verdict.
        guard let status = cpu["ear.status"]?.asText.flatMap({ TrustworthinessVector.Status(exactly: $0) }),
            status == .affirming || status == .warning
        else {
            throw Refusal(
                .policyRefused,
                "\(issuer) does not vouch for this guest: its ear.status is neither affirming nor warning.")
        }
        guard let jwk = evidence["runtime_data_claims"]?["tee-pubkey"] else {
            throw Refusal(.unauthenticated, "The token has no key of the guest's.")
        }
        guard let expiry = claims["exp"]?.asNumber else {
            throw Refusal(.unauthenticated, "The token never expires.")
        }
        // The issuer chooses `exp` by its own clock and lifetimes; this server bounds the evidence's age itself.
        guard let made = claims["iat"]?.asNumber, made <= time.timeIntervalSince1970 + Self.leeway else {
            throw Refusal(.unauthenticated, "The token does not say when it was made (iat), or says a time to come.")
        }
        let end = min(expiry, made + verifier.greatestAge)
        guard time.timeIntervalSince1970 < end else {
            throw Refusal(
                .unauthenticated,
                "The token is older than is taken here (token.trusted_age): attest again, and come with the new one.")
        }
        guard let snp = evidence["snp"], let stated = Claims(snp: snp, assuming: assumptions) else {
            throw Refusal(.technologyMismatch, "The token is of no technology that is known here: snp is.")
        }
        guard server.snp.allowsProvisionalFirmware || stated.hasCommittedFirmware(claims: snp, assuming: assumptions)
        else {
            throw Refusal(
                .policyRefused,
                "The token does not say that the host's firmware is committed (committed_tcb as high as current_tcb): "
                    + "have the operator say so of its issuer (token.trusted_assume).")
        }
        var initData: [ExactText: ExactText] = [:]
        var reshaped: Set<ExactText> = []
        for (name, value) in evidence["init_data_claims"]?.asMembers ?? [] {
            // A dropped entry would count as one that the guest does not have.
            if let text = value.asText { initData[name] = ExactText(text) } else { reshaped.insert(name) }
        }
        self.init(
            issuer: issuer, claims: GuestClaims(stated, initData: initData, reshapedInitData: reshaped),
            key: try RecipientKey(refusing: jwk, rules: keys).json, issued: Date(timeIntervalSince1970: made),
            expires: Date(timeIntervalSince1970: end))
    }

    /// Tolerance for differing clocks, in seconds.
    private static let leeway: TimeInterval = 30
}

extension Claims {
    /// Claims that the token lacks stay absent, and a rule over them is not met.
    fileprivate init?(snp claims: JSON, assuming assumptions: ForeignAssumptions) {
        // Some verifiers write numbers as texts.
        func number<N: FixedWidthInteger>(_ name: String) -> N? {
            guard let value = claims[name] else { return nil }
            // A number through a Double would lose bits above 2^53.
            return (try? value.integer(N.self)) ?? value.asText.flatMap { N($0) } ?? value.asBool.map { $0 ? 1 : 0 }
        }
        func bit(_ name: String) -> Bool? { number(name).map { (n: UInt8) in n != 0 } }
        func version(_ prefix: ExactText) -> TCBVersion? {
            guard let bootLoader: UInt8 = number("\(prefix)_bootloader"), let tee: UInt8 = number("\(prefix)_tee"),
                let snp: UInt8 = number("\(prefix)_snp"), let microcode: UInt8 = number("\(prefix)_microcode")
            else { return nil }
            let fmc: UInt8? = number("\(prefix)_fmc")
            // A component that cannot be read is not one that the product lacks.
            guard fmc != nil || [nil, .null].contains(claims["\(prefix)_fmc"]?.kind) else { return nil }
            return TCBVersion(fmc: fmc, bootLoader: bootLoader, tee: tee, snp: snp, microcode: microcode)
        }
        // Required: a missing claim must not pass for "no debugging".
        guard let debug = bit("policy_debug_allowed"),
            let major: UInt8 = number("policy_abi_major"), let minor: UInt8 = number("policy_abi_minor"),
            let smt = bit("policy_smt_allowed"), let migration = bit("policy_migrate_ma"),
            let socket = bit("policy_single_socket")
        else { return nil }
        var policy = GuestPolicy(rawValue: UInt64(major) << 8 | UInt64(minor)).union(.reservedOne)
        if smt { policy.formUnion(.smtAllowed) }
        if migration { policy.formUnion(.migrationAgentAllowed) }
        if debug { policy.formUnion(.debugAllowed) }
        if socket { policy.formUnion(.singleSocket) }
        // A permission that is not denied counts as given: a resource's policy must then allow it.
        let isCXLStated = claims["policy_cxl_allowed"] != nil
        if isCXLStated ? bit("policy_cxl_allowed") ?? true : !assumptions.forbidsCXL { policy.formUnion(.cxlAllowed) }

        self.init(.snp, [SNPTerm.policy: .bits(policy.rawValue)])
        for term in GuestTEE.snp.terms where term.isInTokens {
            let member = claims[term.name.text]
            switch term.form {
            case .bytes(let count):
                self[term] = member?.asText.flatMap { Hex.decode($0) }.flatMap { $0.count == count ? .bytes($0) : nil }
            case .number: self[term] = number(term.name.text).map { (n: UInt32) in .number(UInt64(n)) }
            case .text: self[term] = member?.asText.map { .text($0) }
            case .word: self[term] = member?.asText.flatMap { Product(name: $0) }.map { .text($0.rawValue) }
            case .bits, .tcb: break
            }
        }
        guard measurement != nil else { return nil }
        // An unreadable chip id could be that of a denied chip.
        if claims[SNPTerm.chipID.name.text] != nil, self[SNPTerm.chipID] == nil { return nil }
        if claims["product"] == nil { self[SNPTerm.product] = assumptions.product.map { .text($0.rawValue) } }
        if claims["vmpl"] == nil { self[SNPTerm.vmpl] = assumptions.vmpl.map { .number(UInt64($0)) } }
        let reported = version(SNPTerm.reportedTCB.name)
        self[SNPTerm.reportedTCB] = reported.map { .tcb($0) }
        for term in [SNPTerm.currentTCB, SNPTerm.committedTCB, SNPTerm.launchTCB] {
            let isAssumed = assumptions.hasReportedTCB && !Self.isStated(term.name, in: claims)
            self[term] = (isAssumed ? reported : version(term.name)).map { .tcb($0) }
        }
        func bits(_ name: String) -> Fact? {
            (claims[name]?.asText.flatMap { UInt64(bits: $0) } ?? number(name)).map { .bits($0) }
        }
        self[SNPTerm.currentMitigations] = bits("current_mit_vector")
        self[SNPTerm.launchMitigations] = bits("launch_mit_vector")
    }

    private static func isStated(_ prefix: ExactText, in claims: JSON) -> Bool {
        claims.asMembers?.contains { $0.name == prefix || $0.name.hasPrefix("\(prefix)_") } ?? false
    }

    /// Whether the firmware is committed, as far as a token states it: a token lacks the firmware's own versions. The
    /// assumption applies only if a claim is missing; an unreadable claim counts as not committed.
    fileprivate func hasCommittedFirmware(claims: JSON, assuming assumptions: ForeignAssumptions) -> Bool {
        Self.isStated("committed_tcb", in: claims) && Self.isStated("current_tcb", in: claims)
            ? hasCommittedFirmware : assumptions.hasCommittedFirmware
    }
}
