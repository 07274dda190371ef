import Bytes

/// The terms that an SEV-SNP report states about its guest. Another verifier's token may lack some of them.
public enum SNPTerm {
    public static let product = Term("product", .word(Product.allCases.map(\.rawValue)), .product)
    /// The launch digest.
    public static let measurement = Term("measurement", .bytes(count: 48), .measurement)
    /// Set by the host at launch.
    public static let hostData = Term("host_data", .bytes(count: 32), .hostData)
    /// Identifies the guest's launch.
    public static let reportID = Term("report_id", .bytes(count: 32), .launch)
    /// SHA-384 of the key that signed the ID block; zero without one.
    public static let idKeyDigest = Term("id_key_digest", .bytes(count: 48))
    /// SHA-384 of the key that signed the ID key; zero without one.
    public static let authorKeyDigest = Term("author_key_digest", .bytes(count: 48))
    public static let familyID = Term("family_id", .bytes(count: 16))
    public static let imageID = Term("image_id", .bytes(count: 16))
    /// Turin: 8 bytes and zeros.
    public static let chipID = Term("chip_id", .bytes(count: 64), .chip)
    public static let policy = Term("policy", .bits, isInTokens: false)
    /// 0–3, or 0xFFFFFFFF if the host requested the report.
    public static let vmpl = Term("vmpl", .number)
    public static let guestSVN = Term("guest_svn", .number)
    public static let platformInfo = Term("platform_info", .bits)
    public static let reportedTCB = Term("reported_tcb", .tcb, isInTokens: false)
    public static let currentTCB = Term("current_tcb", .tcb, isInTokens: false)
    public static let committedTCB = Term("committed_tcb", .tcb, isInTokens: false)
    public static let launchTCB = Term("launch_tcb", .tcb, isInTokens: false)
    /// The builds of the firmware: build, minor, major.
    public static let currentFirmware = Term("current_firmware", .bytes(count: 3), isInTokens: false)
    public static let committedFirmware = Term("committed_firmware", .bytes(count: 3), isInTokens: false)
    public static let currentMitigations = Term("current_mitigations", .bits, isInTokens: false)
    public static let launchMitigations = Term("launch_mitigations", .bits, isInTokens: false)
    /// The kind of key that signed the report.
    public static let endorsement = Term(
        "endorsement", .word(EndorsementKey.Kind.allCases.map(\.rawValue)), isInTokens: false)
    /// Fingerprints of the keys that endorse the report, 32 bytes each. No rule of a policy reads them.
    public static let endorsingKeys = Term("endorsing_keys", .bytes(count: 96), .endorsers, isInTokens: false)
    /// The cloud provider of the VLEK, as named by its certificate.
    public static let cspID = Term("csp_id", .text, .provider)

    public static let all = [
        product, measurement, hostData, reportID, idKeyDigest, authorKeyDigest, familyID, imageID, chipID, policy, vmpl,
        guestSVN, platformInfo, reportedTCB, currentTCB, committedTCB, launchTCB, currentFirmware, committedFirmware,
        currentMitigations, launchMitigations, endorsement, endorsingKeys, cspID,
    ]
    static let sorted = all.sorted { $0.name < $1.name }
}

extension AttestationReport {
    /// The report's claims, verified or not.
    ///
    /// - Parameter product: the report's product, if known.
    public func claims(of product: Product?) -> Claims {
        var claims = Claims(
            .snp,
            [
                SNPTerm.measurement: .bytes(measurement), SNPTerm.hostData: .bytes(hostData),
                SNPTerm.reportID: .bytes(reportID), SNPTerm.idKeyDigest: .bytes(idKeyDigest),
                SNPTerm.authorKeyDigest: .bytes(authorKeyDigest), SNPTerm.familyID: .bytes(familyID),
                SNPTerm.imageID: .bytes(imageID), SNPTerm.chipID: .bytes(chipID),
                SNPTerm.policy: .bits(policy.rawValue), SNPTerm.vmpl: .number(UInt64(vmpl)),
                SNPTerm.guestSVN: .number(UInt64(guestSVN)),
                SNPTerm.platformInfo: .bits(platformInfo), SNPTerm.currentFirmware: .bytes(currentFirmware),
                SNPTerm.committedFirmware: .bytes(committedFirmware),
            ])
        claims[SNPTerm.currentMitigations] = mitigations.current.map { .bits($0) }
        claims[SNPTerm.launchMitigations] = mitigations.launch.map { .bits($0) }
        if let product {
            claims[SNPTerm.product] = .text(product.rawValue)
            claims[SNPTerm.reportedTCB] = .tcb(reportedTCB.version(of: product))
            claims[SNPTerm.currentTCB] = .tcb(currentTCB.version(of: product))
            claims[SNPTerm.committedTCB] = .tcb(committedTCB.version(of: product))
            claims[SNPTerm.launchTCB] = .tcb(launchTCB.version(of: product))
        }
        switch signingKey {
        case .vcek: claims[SNPTerm.endorsement] = .text(EndorsementKey.Kind.vcek.rawValue)
        case .vlek: claims[SNPTerm.endorsement] = .text(EndorsementKey.Kind.vlek.rawValue)
        case .none, .unknown: break
        }
        return claims
    }
}

extension Claims {
    public var product: Product? { text(SNPTerm.product).flatMap { Product(exactly: $0) } }

    /// Whether the host may read and change the guest; a policy that is not stated counts as allowing it.
    public var isDebuggable: Bool { guestPolicy.contains(.debugAllowed) }

    /// The guest policy; if not stated, every permission and no restriction.
    public var guestPolicy: GuestPolicy { number(SNPTerm.policy).map { GuestPolicy(rawValue: $0) } ?? .permissions }
}
