import Bytes
public import Evidence

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
    /// What kind of key signed the report.
    public var endorsement: EndorsementKey.Kind?

    /// From another verifier's token. What it does not say is left out.
    public init(measurement: [UInt8], policy: GuestPolicy) {
        self.measurement = measurement
        self.policy = policy
    }

    /// - Parameters:
    ///   - report: one that was found genuine, or is only looked at.
    ///   - product: the certificate's. A report of version 2 does not say, and without it TCBs have no meaning.
    public init(_ report: AttestationReport, product: Product?) {
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

extension SNPClaims: Codable {
    /// Bytes are in hex, bits too, TCBs as an operator writes them.
    private enum Member: String, CodingKey, CaseIterable {
        case product, measurement, policy, vmpl, endorsement
        case hostData = "host_data"
        case reportID = "report_id"
        case idKeyDigest = "id_key_digest"
        case authorKeyDigest = "author_key_digest"
        case familyID = "family_id"
        case imageID = "image_id"
        case chipID = "chip_id"
        case guestSVN = "guest_svn"
        case platformInfo = "platform_info"
        case reportedTCB = "reported_tcb"
        case currentTCB = "current_tcb"
        case committedTCB = "committed_tcb"
        case launchTCB = "launch_tcb"
    }

    private static let byteMembers: [(Member, any WritableKeyPath<SNPClaims, [UInt8]> & Sendable)] = [
        (.measurement, \.measurement), (.hostData, \.hostData), (.reportID, \.reportID),
        (.idKeyDigest, \.idKeyDigest), (.authorKeyDigest, \.authorKeyDigest), (.familyID, \.familyID),
        (.imageID, \.imageID), (.chipID, \.chipID),
    ]

    private static let tcbMembers: [(Member, any WritableKeyPath<SNPClaims, TCBVersion?> & Sendable)] = [
        (.reportedTCB, \.reportedTCB), (.currentTCB, \.currentTCB), (.committedTCB, \.committedTCB),
        (.launchTCB, \.launchTCB),
    ]

    public init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        func damaged(_ member: Member) -> DecodingError {
            .dataCorruptedError(forKey: member, in: members, debugDescription: "it cannot be read")
        }
        func bits(_ member: Member) throws -> UInt64? {
            guard let text = try members.decodeIfPresent(String.self, forKey: member) else { return nil }
            guard text.hasPrefix("0x"), let bits = UInt64(text.dropFirst(2), radix: 16) else { throw damaged(member) }
            return bits
        }
        guard let policy = try bits(.policy) else { throw damaged(.policy) }
        self.init(measurement: [], policy: GuestPolicy(rawValue: policy))
        product = try members.decodeIfPresent(Product.self, forKey: .product)
        for (member, path) in Self.byteMembers {
            guard let bytes = Hex.decode(try members.decode(String.self, forKey: member)) else {
                throw damaged(member)
            }
            self[keyPath: path] = bytes
        }
        for (member, path) in Self.tcbMembers {
            guard let text = try members.decodeIfPresent(String.self, forKey: member) else { continue }
            guard let version = TCBVersion(text) else { throw damaged(member) }
            self[keyPath: path] = version
        }
        vmpl = try members.decodeIfPresent(UInt32.self, forKey: .vmpl)
        guestSVN = try members.decodeIfPresent(UInt32.self, forKey: .guestSVN)
        platformInfo = try bits(.platformInfo)
        endorsement = try members.decodeIfPresent(EndorsementKey.Kind.self, forKey: .endorsement)
    }

    public func encode(to encoder: any Encoder) throws {
        var members = encoder.container(keyedBy: Member.self)
        try members.encodeIfPresent(product, forKey: .product)
        for (member, path) in Self.byteMembers { try members.encode(Hex.encode(self[keyPath: path]), forKey: member) }
        for (member, path) in Self.tcbMembers {
            try members.encodeIfPresent(self[keyPath: path]?.description, forKey: member)
        }
        try members.encode("0x" + String(policy.rawValue, radix: 16), forKey: .policy)
        try members.encodeIfPresent(vmpl, forKey: .vmpl)
        try members.encodeIfPresent(guestSVN, forKey: .guestSVN)
        try members.encodeIfPresent(platformInfo.map { "0x" + String($0, radix: 16) }, forKey: .platformInfo)
        try members.encodeIfPresent(endorsement, forKey: .endorsement)
    }
}
