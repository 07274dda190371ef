public import Bytes
public import Evidence
import Formats

/// What an SEV-SNP report says of its guest.
///
/// A report states everything here. A token that another verifier made may leave some of it out: then bytes are
/// empty, the rest is `nil`, and a policy that asks for it is not met.
public struct SNPClaims: Sendable, Hashable {
    public var product: Product?
    /// The launch digest, 48 bytes.
    public var measurement: [UInt8]
    /// 32 bytes that the host set at launch.
    public var hostData: [UInt8] = []
    /// Which guest this is, 32 bytes.
    public var reportID: [UInt8] = []
    /// SHA-384 of the key that signed the ID block, 48 bytes; zero without one.
    public var idKeyDigest: [UInt8] = []
    /// SHA-384 of the key that signed the ID key, 48 bytes; zero without one.
    public var authorKeyDigest: [UInt8] = []
    /// 16 bytes.
    public var familyID: [UInt8] = []
    public var imageID: [UInt8] = []
    /// 64 bytes (Turin: 8 and zeros); zero when the host hides it.
    public var chipID: [UInt8] = []
    public var policy: GuestPolicy
    /// 0–3, or 0xFFFFFFFF when the host asked for the report.
    public var vmpl: UInt32?
    public var guestSVN: UInt32?
    /// PLATFORM_INFO.
    public var platformInfo: UInt64?
    public var reportedTCB: TCBVersion?
    public var currentTCB: TCBVersion?
    public var committedTCB: TCBVersion?
    public var launchTCB: TCBVersion?
    public var mitigations = StatedMitigations()
    /// The keys that vouch for the report, for the deny list, 32 bytes each. A policy asks nothing of them.
    var endorsingKeys: [UInt8] = []
    /// What kind of key signed the report.
    public var endorsement: EndorsementKey.Kind?
    /// The cloud provider that the VLEK was made for.
    public var cspID: ExactText?

    /// From another verifier's token. What it does not say is left out.
    public init(measurement: [UInt8], policy: GuestPolicy) {
        self.measurement = measurement
        self.policy = policy
    }

    /// - Parameters:
    ///   - report: one that was found genuine, or is only looked at.
    ///   - chain: of the key whose report it is. A report of version 2 does not say which product it comes from, and
    ///     without it TCBs have no meaning; no report says whose VLEK it is.
    public init(_ report: AttestationReport, provenBy chain: AppraisedChain?) {
        let key = chain?.chain.key
        self.init(report, product: key?.product ?? report.product)
        cspID = key?.cspID
        endorsingKeys = Endorser.bytes(of: chain?.keys ?? [])
    }

    /// - Parameter product: the report's, as far as is known.
    init(_ report: AttestationReport, product: Product?) {
        self.product = product
        measurement = report.measurement
        hostData = report.hostData
        reportID = report.reportID
        idKeyDigest = report.idKeyDigest
        authorKeyDigest = report.authorKeyDigest
        familyID = report.familyID
        imageID = report.imageID
        chipID = report.chipID
        policy = report.policy
        vmpl = report.vmpl
        guestSVN = report.guestSVN
        platformInfo = report.platformInfo
        mitigations = report.mitigations
        if let product {
            reportedTCB = report.reportedTCB.version(of: product)
            currentTCB = report.currentTCB.version(of: product)
            committedTCB = report.committedTCB.version(of: product)
            launchTCB = report.launchTCB.version(of: product)
        }
        endorsement =
            switch report.signingKey {
            case .vcek: .vcek
            case .vlek: .vlek
            case .none, .unknown: nil
            }
    }
}

extension SNPClaims {
    /// All four TCB versions, as far as they are stated.
    var statedTCBs: StatedTCBs {
        StatedTCBs(reported: reportedTCB, committed: committedTCB, current: currentTCB, launch: launchTCB)
    }
}

extension SNPClaims {
    /// What an operator may have denied: the chip, as far as it is stated, and the keys of a guest that attested here.
    var endorsers: [Endorser] {
        (chipID.isAllZero ? [] : [Endorser(chip: chipID)]) + Endorser.keys(endorsingKeys)
    }
}

/// As they are kept. Bytes are in hex, bits too, TCBs as an operator writes them.
extension SNPClaims {
    private static let byteMembers: [(String, any WritableKeyPath<SNPClaims, [UInt8]> & Sendable)] = [
        ("measurement", \.measurement), ("host_data", \.hostData), ("report_id", \.reportID),
        ("id_key_digest", \.idKeyDigest), ("author_key_digest", \.authorKeyDigest), ("family_id", \.familyID),
        ("image_id", \.imageID), ("chip_id", \.chipID), ("endorsing_keys", \.endorsingKeys),
    ]

    private static let tcbMembers: [(String, any WritableKeyPath<SNPClaims, TCBVersion?> & Sendable)] = [
        ("reported_tcb", \.reportedTCB), ("current_tcb", \.currentTCB), ("committed_tcb", \.committedTCB),
        ("launch_tcb", \.launchTCB),
    ]

    init(_ json: JSON) throws(MalformedInput) {
        guard let policy = try Self.bits(json.member("policy")) else { throw try json.member("policy").unfit("bits") }
        self.init(measurement: [], policy: GuestPolicy(rawValue: policy))
        product = try Self.value(json.optional("product"))
        for (name, path) in Self.byteMembers {
            let member = try json.member(name)
            guard let bytes = Hex.decode(utf8: try member.utf8()) else { throw member.unfit("hex") }
            self[keyPath: path] = bytes
        }
        for (name, path) in Self.tcbMembers {
            guard let member = try json.optional(name) else { continue }
            guard let version = TCBVersion(try member.text()) else { throw member.unfit("a TCB") }
            self[keyPath: path] = version
        }
        vmpl = try json.optional("vmpl")?.integer()
        guestSVN = try json.optional("guest_svn")?.integer()
        platformInfo = try Self.bits(json.optional("platform_info"))
        endorsement = try Self.value(json.optional("endorsement"))
        mitigations = StatedMitigations(
            current: try Self.bits(json.optional("current_mitigations")),
            launch: try Self.bits(json.optional("launch_mitigations")))
        cspID = try json.optional("csp_id").map { member throws(MalformedInput) in ExactText(try member.text()) }
    }

    private static func bits(_ member: JSON?) throws(MalformedInput) -> UInt64? {
        guard let member else { return nil }
        guard let bits = UInt64(bits: try member.text()) else { throw member.unfit("bits") }
        return bits
    }

    private static func value<Value: RawRepresentable<String>>(_ member: JSON?) throws(MalformedInput) -> Value? {
        guard let member else { return nil }
        guard let value = Value(exactly: try member.text()) else { throw member.unfit("a known name") }
        return value
    }

    var json: JSONValue {
        var members: [ExactText: JSONValue] = ["policy": .text("0x" + String(policy.rawValue, radix: 16))]
        members["product"] = product.map { .text($0.rawValue) }
        for (name, path) in Self.byteMembers { members[ExactText(name)] = .text(Hex.encode(self[keyPath: path])) }
        for (name, path) in Self.tcbMembers {
            members[ExactText(name)] = self[keyPath: path].map { .text($0.description) }
        }
        members["vmpl"] = vmpl.map { .integer(Int($0)) }
        members["guest_svn"] = guestSVN.map { .integer(Int($0)) }
        members["platform_info"] = platformInfo.map { .text("0x" + String($0, radix: 16)) }
        members["current_mitigations"] = mitigations.current.map { .text("0x" + String($0, radix: 16)) }
        members["launch_mitigations"] = mitigations.launch.map { .text("0x" + String($0, radix: 16)) }
        members["csp_id"] = cspID.map { .text($0.text) }
        members["endorsement"] = endorsement.map { .text($0.rawValue) }
        return JSONValue(members)
    }
}
