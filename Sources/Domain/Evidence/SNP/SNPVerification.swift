import Bytes
import Crypto
import FoundationEssentials

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
    public static let snpMeasurement = Self("snp.measurement", .acceptability)
    static let snpHostData = Self("snp.host_data", .acceptability)
    public static let snpPolicy = Self("snp.policy", .acceptability)
    public static let snpDebug = Self("snp.debug", .acceptability)
    public static let snpMigrationAgent = Self("snp.migration_agent", .acceptability)
    public static let snpVMPL = Self("snp.vmpl", .acceptability)
    public static let snpProducts = Self("snp.products", .acceptability)
    public static let snpCSPID = Self("snp.csp_id", .acceptability)
    public static let snpMinimumTCB = Self("snp.minimum_tcb", .acceptability)
    public static let snpMitigations = Self("snp.minimum_mitigations", .acceptability)
    public static let snpProvisional = Self("snp.provisional_firmware", .acceptability)
}

extension SNPEvidence {
    /// The only expensive check is the report's signature, which is verified under a genuine endorsement alone: anyone
    /// may send a report with a key of their own.
    public func verify(by endorsement: AppraisedChain?, explaining explains: Bool, _ exchange: Exchange) -> Verdict {
        var list = CheckList()
        let key = endorsement?.chain.key
        let genuine = endorsement.flatMap { $0.isGenuine ? $0.chain.key.publicKey : nil }
        let isSigned = genuine.map { report.signature.isValid(for: $0, over: report.signedBytes) }
        Self.checkForm(
            of: report, product: key?.product ?? report.product, isProven: isSigned == true, &list)
        if let endorsement {
            list.append(endorsement.checks)
            Self.checkEndorsement(of: report, by: endorsement, isSigned: isSigned, at: exchange.time, &list)
        } else {
            let misfits =
                explains ? EndorsementKey.all(among: certificates).prefix(4).map { $0.misfit(with: report) } : []
            list.check(
                .snpEndorsement, expected: .text("a VCEK or VLEK certificate for the report"),
                found: .text(misfits.isEmpty ? "none" : misfits.joined(separator: "; ")), false,
                advice: (misfits.isEmpty
                    ? "" : "No certificate that is at hand fits: \(misfits.joined(separator: "; ")). ")
                    + Self.adviceWithoutEndorsement(report))
        }
        if let denies = exchange.denies {
            list.checkDenial(.snpDenied, of: report.endorsers + (endorsement?.endorsers ?? []), by: denies)
        }
        checkBinding(to: exchange, of: key?.product ?? report.product, &list)
        return Verdict(list)
    }

    /// The advice for obtaining the missing certificate.
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

    /// - Parameter isProven: whether a genuine key has signed the report, which then is unchanged since the firmware
    ///   made it.
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

    /// - Parameter isSigned: `nil` if the endorsement is not genuine.
    private static func checkEndorsement(
        of report: AttestationReport, by endorsement: AppraisedChain, isSigned: Bool?, at time: Date,
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
        guard let isSigned else { return }
        list.check(
            .snpSignature, expected: .text("made by the \(key.kind.rawValue.uppercased())"),
            found: .text(isSigned ? "made by it" : "not made by it"), isSigned,
            advice: "The report's signature is not by that key: the report was changed, "
                + "or the key was not the chip's.")
    }

    // MARK: Binding

    private func checkBinding(to exchange: Exchange, of product: Product?, _ list: inout CheckList) {
        if let generation {
            list.check(
                .snpGeneration, expected: .text(generation.rawValue), found: .text(product?.rawValue ?? "unknown"),
                product == generation,
                advice: "The guest is configured for \(generation.rawValue) and runs on "
                    + "\(product?.rawValue ?? "another processor"): correct its `gen`.")
        }
        if let reportData = exchange.reportData {
            list.check(
                .snpReportData, expected: .bytes(reportData), found: .bytes(report.reportData),
                equalInConstantTime(reportData, report.reportData),
                advice: "The report is not bound to this challenge and key: it is an old report, or another guest's. "
                    + "Start again from /auth.")
        }
        if let hostData = exchange.initData {
            list.check(
                .snpHostData, expected: .bytes(hostData), found: .bytes(report.hostData),
                equalInConstantTime(hostData, report.hostData),
                advice:
                    "The guest was not launched with the init data that it sent: launch it with their digest as its "
                    + "host data, or find out who changed them.")
        }
    }
}

extension AttestationReport {
    /// The endorsers known without a certificate: the chip, if the report names one.
    fileprivate var endorsers: [Endorser] { namedChip.map { [Endorser(chip: $0)] } ?? [] }
}

extension EndorsementKey {
    /// Describes the key, and why it does not fit a report.
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
