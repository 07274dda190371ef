public import Bytes
import Crypto
public import FoundationEssentials

extension Check.Name {
    static let snpEndorsement = Self("snp.endorsement", .genuineness)
    static let snpRoot = Self("snp.chain.root", .genuineness)
    static let snpRootSignature = Self("snp.chain.root_signature", .genuineness)
    static let snpIntermediate = Self("snp.chain.intermediate", .genuineness)
    static let snpEndorsementKey = Self("snp.chain.endorsement_key", .genuineness)
    static let snpValidity = Self("snp.chain.validity", .genuineness)
    static let snpVersion = Self("snp.version", .genuineness)
    static let snpLayout = Self("snp.layout", .genuineness)
    static let snpSignatureAlgorithm = Self("snp.signature_algorithm", .genuineness)
    static let snpSignatureEncoding = Self("snp.signature_encoding", .genuineness)
    static let snpProduct = Self("snp.product", .genuineness)
    static let snpSigningKey = Self("snp.signing_key", .genuineness)
    static let snpReportedTCB = Self("snp.reported_tcb", .genuineness)
    static let snpChip = Self("snp.chip_id", .genuineness)
    static let snpSignature = Self("snp.signature", .genuineness)
    static let snpDenied = Self("snp.denied", .genuineness)
    static let snpGeneration = Self("snp.generation", .acceptability)
    static let snpReportData = Self("snp.report_data", .acceptability)
    static let snpMeasurement = Self("snp.measurement", .acceptability)
    static let snpHostData = Self("snp.host_data", .acceptability)
    static let snpPolicy = Self("snp.policy", .acceptability)
    static let snpDebug = Self("snp.debug", .acceptability)
    static let snpMigrationAgent = Self("snp.migration_agent", .acceptability)
    static let snpVMPL = Self("snp.vmpl", .acceptability)
    static let snpProducts = Self("snp.products", .acceptability)
    static let snpCSPID = Self("snp.csp_id", .acceptability)
    static let snpMinimumTCB = Self("snp.minimum_tcb", .acceptability)
    static let snpMitigations = Self("snp.minimum_mitigations", .acceptability)
    static let snpProvisional = Self("snp.provisional_firmware", .acceptability)
}

/// What a report must say to be acceptable.
public struct SNPExpectations: Sendable, Hashable {
    /// The registered launch measurement, 48 bytes. `nil` only where nobody registered one: `kbs verify`, and guests
    /// that name no workload.
    public var measurement: [UInt8]?
    /// What binds the report to a challenge and a key, 64 bytes. `nil` only where there was no challenge.
    public var reportData: [UInt8]?
    /// The digest of the guest's init data, 32 bytes. `nil` where there are none.
    public var hostData: [UInt8]?
    /// The widest guest policy that is acceptable. `nil` where that is decided later, by a resource's policy.
    public var policy: GuestPolicy? = .unstated
    /// The server's own word on debuggable guests; the workload's is in `policy`. Both must agree.
    public var allowsDebug = false
    /// The server's word on migration agents, in the same way.
    public var allowsMigrationAgent = false
    public var vmpl: UInt32 = 0
    /// The processors that are acceptable.
    public var products = Set(Product.allCases)
    /// The cloud providers whose VLEKs are acceptable; `nil`: any, and VCEKs too.
    public var cspIDs: [ExactText]?
    /// The lowest acceptable REPORTED, COMMITTED, CURRENT and LAUNCH_TCB.
    public var minimumTCB: [Product: TCBVersion] = [:]
    /// The mitigations that the host's firmware must have in force, bit by bit.
    public var minimumMitigations: UInt64 = 0
    /// Whether the two minimums hold for the time of the guest's launch too.
    public var holdsMinimumAtLaunch = true
    public var allowsProvisionalFirmware = false
    /// What the guest calls its processor. A claim, held against the certificate.
    public var generation: Product?

    public init(measurement: [UInt8]?, reportData: [UInt8]?) {
        self.measurement = measurement
        self.reportData = reportData
    }
}

extension Verdict {
    /// Whether all that a report lacks is a certificate: it answers the challenge with the
    /// registered measurement, in a form that is known, from a processor that is taken.
    ///
    /// Meant for a verdict without an endorsement. It says nothing about genuineness.
    public var isWorthProving: Bool {
        let decisive: Set<Check.Name> = [
            .snpVersion, .snpLayout, .snpSignatureAlgorithm, .snpSignatureEncoding, .snpReportData, .snpMeasurement,
            .snpHostData, .snpProducts, .snpDenied,
        ]
        return failures.allSatisfy { !decisive.contains($0.name) }
    }
}

/// Decides whether a report is genuine and acceptable.
public enum SNPVerifier {
    /// Evaluates every check. The only expensive one is the report's signature.
    ///
    /// - Parameters:
    ///   - report: what the guest sent.
    ///   - endorsement: the certificates for the chip and TCB that the report names, if there are any.
    ///   - offered: keys that were at hand; without an endorsement the verdict says why none of them fits.
    ///   - expectations: what was registered and configured.
    ///   - denies: what operators have denied; `nil` where there is no such list.
    ///   - time: when the certificates must be valid.
    public static func verify(
        _ report: AttestationReport, endorsement: AppraisedChain?, offered: [EndorsementKey] = [],
        expecting expectations: SNPExpectations, denying denies: DenyList? = nil, at time: Date
    ) -> Verdict {
        var list = CheckList()
        let key = endorsement?.chain.key
        let isSigned = key.map { report.signature.isValid(for: $0.publicKey, over: report.signedBytes) } ?? false
        checkForm(
            of: report, product: key?.product ?? report.product,
            isProven: isSigned && endorsement?.isGenuine == true, &list)
        if let endorsement {
            list.append(endorsement.checks)
            checkEndorsement(of: report, by: endorsement, isSigned: isSigned, at: time, &list)
        } else {
            let misfits = offered.prefix(4).map { $0.misfit(with: report) }
            list.check(
                .snpEndorsement, expected: .text("a VCEK or VLEK certificate for the report"),
                found: .text(misfits.isEmpty ? "none" : misfits.joined(separator: "; ")), false,
                advice: (misfits.isEmpty
                    ? "" : "No certificate that is at hand fits: \(misfits.joined(separator: "; ")). ")
                    + adviceWithoutEndorsement(report))
        }
        if let denies {
            list.checkDenial(.snpDenied, of: report.endorsers + (endorsement?.endorsers ?? []), by: denies)
        }
        checkClaims(of: report, by: key, product: key?.product ?? report.product, expectations, &list)
        return Verdict(list)
    }

    /// What gets the certificate that is missing.
    private static func adviceWithoutEndorsement(_ report: AttestationReport) -> String {
        switch (report.productClaim, report.signingKey) {
        case (.unknown(let family, let model), _):
            return "The processor is not known here (family 0x\(String(family, radix: 16)), model "
                + "0x\(String(model, radix: 16))): Milan, Genoa and Turin are. Update this server."
        case (_, .vcek) where report.isChipMasked:
            return "The host hides its chip id, so no VCEK can be found: let it show the chip id, or use a VLEK."
        case (_, .vlek):
            return "There is no VLEK for the report, and AMD gives them to clouds only: let the guest send its host's "
                + "along, or import it."
        case (.product(let product), .vcek):
            let chip = Hex.encode(report.hardwareID(of: product))
            return "There is no certificate for the key that signed the report: run `kbs endorsements fetch --product "
                + "\(product.rawValue.lowercased()) --chip \(chip) --tcb \(report.reportedTCB.version(of: product))`, "
                + "or import it."
        default: return "There is no certificate for the key that signed the report: import or fetch it."
        }
    }

    // MARK: Genuineness

    /// - Parameter isProven: whether a genuine key has signed the report: then it is as the firmware made it.
    private static func checkForm(
        of report: AttestationReport, product: Product?, isProven: Bool, _ list: inout CheckList
    ) {
        list.check(
            .snpVersion, expected: .text("2, 3, 4 or 5"), found: .number(UInt64(report.version)),
            AttestationReport.knownVersions.contains(report.version),
            advice: "Report version \(report.version) is not known here: update this server, "
                + "or use firmware that makes a known version.")
        var dirty = report.dirtyReservedOffsets.map { "0x" + String($0, radix: 16) }
        if !report.policy.isWellFormed { dirty.append("POLICY") }
        if report.keyInfo >> 5 != 0 { dirty.append("0x48") }
        if let product {
            for (name, tcb) in [
                ("CURRENT_TCB", report.currentTCB), ("REPORTED_TCB", report.reportedTCB),
                ("COMMITTED_TCB", report.committedTCB), ("LAUNCH_TCB", report.launchTCB),
            ] where !tcb.reserved(of: product).isAllZero {
                dirty.append(name)
            }
        }
        list.check(
            .snpLayout, expected: .text("reserved bits as the ABI has them"),
            found: .text(dirty.isEmpty ? "as expected" : "others at \(dirty.joined(separator: ", "))"), dirty.isEmpty,
            advice: isProven
                ? "The host's firmware is newer than this server knows: its report is correctly signed and has reserved "
                    + "bits set (\(dirty.joined(separator: ", "))). Update this server."
                : "The report does not have the layout of its version: it was damaged or made up.")
        list.check(
            .snpSignatureAlgorithm, expected: .number(1), found: .number(UInt64(report.signatureAlgorithm)),
            report.signatureAlgorithm == 1, advice: "Only ECDSA P-384 with SHA-384 (1) is accepted.")
        list.check(
            .snpSignatureEncoding, expected: .text("R and S of 48 bytes, in range, padded with zeros"),
            found: .text(report.signature.isWellFormed ? "as expected" : "another encoding"),
            report.signature.isWellFormed, advice: "The report's signature is malformed.")
    }

    private static func checkEndorsement(
        of report: AttestationReport, by endorsement: AppraisedChain, isSigned: Bool, at time: Date,
        _ list: inout CheckList
    ) {
        let key = endorsement.chain.key
        list.check(
            .snpValidity, expected: .span(endorsement.validFrom, endorsement.validUntil), found: .instant(time),
            endorsement.validFrom <= time && time <= endorsement.validUntil,
            advice: key.kind == .vlek
                ? "The VLEK's chain is not valid now: the cloud provider must install a current VLEK on the host."
                : "The VCEK's chain is not valid now: check this server's clock, and fetch the certificate again.")
        let claimed: Fact =
            switch report.productClaim {
            case .unstated: .text("not stated (version 2)")
            case .product(let product): .text(product.rawValue)
            case .unknown(let family, let model):
                .text("unknown (family 0x\(String(family, radix: 16)), model 0x\(String(model, radix: 16)))")
            }
        list.check(
            .snpProduct, expected: .text(key.product.rawValue), found: claimed,
            report.productClaim == .unstated || report.productClaim == .product(key.product),
            advice: "The report comes from another processor than its certificate is for.")
        list.check(
            .snpSigningKey, expected: .text(key.kind.rawValue.uppercased()), found: .text("\(report.signingKey)"),
            report.signingKey == (key.kind == .vcek ? .vcek : .vlek),
            advice: "The report says that another kind of key signed it: get the certificate that it names.")
        let reported = report.reportedTCB.version(of: key.product)
        list.check(
            .snpReportedTCB, expected: .tcb(key.tcb), found: .tcb(reported), reported == key.tcb,
            advice: "The certificate is for TCB \(key.tcb) and the report for \(reported): "
                + "fetch the certificate for the report's TCB.")
        if let hardwareID = key.hardwareID {
            let chip = report.hardwareID(of: key.product)
            list.check(
                .snpChip, expected: .bytes(hardwareID), found: .bytes(chip),
                !report.isChipMasked && hardwareID == chip && report.chipID.dropFirst(chip.count).isAllZero,
                advice: report.isChipMasked
                    ? "The host masks its chip id, so no VCEK can be matched: unmask it, or use a VLEK."
                    : "The certificate is another chip's.")
        }
        list.check(
            .snpSignature, expected: .text("made by the \(key.kind.rawValue.uppercased())"),
            found: .text(isSigned ? "made by it" : "not made by it"), isSigned,
            advice: "The report's signature is not by that key: the report was changed, "
                + "or the key was not the chip's.")
    }

    // MARK: Acceptability

    private static func checkClaims(
        of report: AttestationReport, by key: EndorsementKey?, product: Product?, _ expected: SNPExpectations,
        _ list: inout CheckList
    ) {
        if let generation = expected.generation {
            list.check(
                .snpGeneration, expected: .text(generation.rawValue), found: .text(product?.rawValue ?? "unknown"),
                product == generation,
                advice: "The guest is configured for \(generation.rawValue) and runs on "
                    + "\(product?.rawValue ?? "another processor"): correct its `gen`.")
        }
        if let reportData = expected.reportData {
            list.check(
                .snpReportData, expected: .bytes(reportData), found: .bytes(report.reportData),
                equalInConstantTime(reportData, report.reportData),
                advice: "The report is not bound to this challenge and key: it is an old report, or another guest's. "
                    + "Start again from /auth.")
        }
        if let measurement = expected.measurement {
            list.check(
                .snpMeasurement, expected: .bytes(measurement), found: .bytes(report.measurement),
                equalInConstantTime(measurement, report.measurement),
                advice: "The guest is not what was registered: register the new image's measurement, "
                    + "or find out who changed the guest.")
        }
        if let hostData = expected.hostData {
            list.check(
                .snpHostData, expected: .bytes(hostData), found: .bytes(report.hostData),
                equalInConstantTime(hostData, report.hostData),
                advice:
                    "The guest was not launched with the init data that it sent: launch it with their digest as its "
                    + "host data, or find out who changed them.")
        }
        if let policy = expected.policy {
            let excess = report.policy.excess(over: policy)
            list.check(
                .snpPolicy, expected: .bits(policy.rawValue), found: .bits(report.policy.rawValue), excess.isEmpty,
                advice: "The guest's policy is wider than registered (\(excess.joined(separator: ", "))): "
                    + "launch it with the registered policy, or register this one.")
        }
        /// A permission that is refused unless the server allows it too, whatever was registered.
        func gate(_ name: Check.Name, _ permission: GuestPolicy, allowed: Bool, advice: String) {
            let isOn = report.policy.contains(permission)
            list.check(
                name, expected: .text(allowed ? "on or off" : "off"), found: .text(isOn ? "on" : "off"),
                !isOn || allowed, advice: advice)
        }
        gate(
            .snpDebug, .debugAllowed, allowed: expected.allowsDebug,
            advice: "The host may read a guest that allows debugging: launch it without, "
                + "or set snp.allow_debug if its secrets may be seen.")
        gate(
            .snpMigrationAgent, .migrationAgentAllowed, allowed: expected.allowsMigrationAgent,
            advice: "The host may bind a migration agent of its choice, which can move the guest's memory elsewhere: "
                + "launch it without, or set snp.allow_migration_agent.")
        list.check(
            .snpVMPL, expected: .number(UInt64(expected.vmpl)), found: .number(UInt64(report.vmpl)),
            report.vmpl == expected.vmpl,
            advice: "The report was made at VMPL \(report.vmpl) and snp.vmpl is \(expected.vmpl).")
        // Without a certificate a VLEK's provider is not known yet; a VCEK has none.
        if let cspIDs = expected.cspIDs, key != nil || report.signingKey != .vlek {
            list.check(
                .snpCSPID, expected: .text(cspIDs.map(\.text).joined(separator: " or ")),
                found: .text(key?.cspID?.text ?? "not stated"), key?.cspID.map(cspIDs.contains) ?? false,
                advice: "The report is not signed by a VLEK of the cloud providers in snp.csp_ids (found: "
                    + "\(key?.cspID?.text ?? "none")): run the guest there, or add the provider.")
        }
        if let product { checkFirmware(of: report, product: product, expected, &list) }
    }

    private static func checkFirmware(
        of report: AttestationReport, product: Product, _ expected: SNPExpectations, _ list: inout CheckList
    ) {
        list.check(
            .snpProducts, expected: .text(expected.products.map(\.rawValue).sorted().joined(separator: " or ")),
            found: .text(product.rawValue), expected.products.contains(product),
            advice:
                "This server takes no guests on \(product.rawValue): run the guest on another processor, or add it to "
                + "snp.products.")
        let isHeldAtLaunch = expected.holdsMinimumAtLaunch
        if let floor = expected.minimumTCB[product] {
            let shortfall = TCBFloor(floor, holdsAtLaunch: isHeldAtLaunch).shortfall(
                of: StatedTCBs(report, of: product))
            list.check(
                .snpMinimumTCB, expected: .tcb(floor),
                found: shortfall?.found ?? .tcb(report.reportedTCB.version(of: product)), shortfall == nil,
                advice: shortfall.map { $0.advice(lowering: "snp.minimum_tcb.\(product.rawValue.lowercased())") } ?? "")
        }
        if expected.minimumMitigations != 0 {
            let shortfall = report.mitigations.shortfall(
                from: expected.minimumMitigations, holdsAtLaunch: isHeldAtLaunch)
            list.check(
                .snpMitigations, expected: .bits(expected.minimumMitigations), found: report.mitigations.found,
                shortfall == nil,
                advice:
                    "The host's firmware lacks mitigations (\(shortfall ?? "")): update it and launch the guest again, "
                    + "or change snp.minimum_mitigations.")
        }
        let current = report.currentTCB.version(of: product)
        let committed = report.committedTCB.version(of: product)
        list.check(
            .snpProvisional, expected: .text(expected.allowsProvisionalFirmware ? "committed or not" : "\(current)"),
            found: .tcb(committed),
            expected.allowsProvisionalFirmware
                || (committed.isAtLeast(current) && report.committedFirmware == report.currentFirmware),
            advice: "The host's firmware (\(current)) is not committed (\(committed)), so it can be rolled back: "
                + "commit it, or set snp.allow_provisional_firmware.")
    }
}

extension AttestationReport {
    /// The chip, unless the host hides it.
    fileprivate var endorsers: [Endorser] { isChipMasked ? [] : [Endorser(chip: chipID)] }
}

extension TCBFloor.Shortfall {
    /// What can be done about it.
    ///
    /// - Parameter setting: where the floor stands, e.g. `snp.minimum_tcb.milan`.
    public func advice(lowering setting: String) -> String {
        // The guest's own sentence has 199 bytes: what is wrong first.
        isOfLaunch
            ? "\(self): the guest was launched under older firmware, launch it again, or lower \(setting)."
            : "\(self): update the host's firmware, or lower \(setting)."
    }
}

extension EndorsementKey {
    /// What the key is for, and why a report is not held against it.
    fileprivate func misfit(with report: AttestationReport) -> String {
        var reasons: [String] = []
        if report.signingKey != (kind == .vcek ? .vcek : .vlek) {
            reasons.append("the report names another kind of key (\(report.signingKey))")
        }
        let reported = report.reportedTCB.version(of: product)
        switch report.productClaim {
        case .product(let other) where other != product: reasons.append("the report is from \(other.rawValue)")
        case .unknown(let family, let model):
            reasons.append(
                "the report is from family 0x\(String(family, radix: 16)), model 0x\(String(model, radix: 16))")
        case .unstated where product == .turin:
            reasons.append("the report has version \(report.version), which \(product.rawValue) does not make")
        default:
            if reported != tcb { reasons.append("the report is for TCB \(reported)") }
            if let hardwareID, hardwareID != report.hardwareID(of: product) {
                reasons.append(
                    report.isChipMasked
                        ? "the report hides its chip"
                        : "the report's chip is \(Hex.encode(report.hardwareID(of: product).prefix(8)))…")
            }
        }
        if reasons.isEmpty {
            let above = kind == .vcek ? "ASK (SEV-\(product.rawValue))" : "ASVK (SEV-VLEK-\(product.rawValue))"
            reasons.append("it fits, and the \(above) or ARK above it is missing or not AMD's")
        }
        let chip = hardwareID.map { " of chip \(Hex.encode($0.prefix(8)))…" } ?? ""
        return "\(kind.rawValue.uppercased()) of \(product.rawValue) for TCB \(tcb)\(chip): "
            + reasons.joined(separator: ", ")
    }
}
