import Bytes

/// The identity of a report's signing key: enough to request its certificate.
public struct EndorsementIdentity: Sendable, Hashable, CustomStringConvertible {
    public let kind: EndorsementKey.Kind
    public let product: Product
    /// The chip, 64 bytes (Turin: 8); `nil` for a VLEK, which belongs to no chip.
    public let hardwareID: [UInt8]?
    public let tcb: TCBVersion

    public init(kind: EndorsementKey.Kind, product: Product, hardwareID: [UInt8]?, tcb: TCBVersion) {
        self.kind = kind
        self.product = product
        self.hardwareID = hardwareID
        self.tcb = tcb
    }

    public init(of key: EndorsementKey) {
        self.init(kind: key.kind, product: key.product, hardwareID: key.hardwareID, tcb: key.tcb)
    }

    /// The identity that a report's fields state, assuming that `product` made it.
    ///
    /// - Returns: `nil` if no certificate can match: no key signed it, or the chip is hidden from a VCEK.
    public init?(claimedBy report: AttestationReport, product: Product) {
        let tcb = report.reportedTCB.version(of: product)
        switch report.signingKey {
        case .vcek where !report.isChipMasked:
            self.init(kind: .vcek, product: product, hardwareID: report.hardwareID(of: product), tcb: tcb)
        case .vlek:
            self.init(kind: .vlek, product: product, hardwareID: nil, tcb: tcb)
        case .vcek, .none, .unknown:
            return nil
        }
    }

    /// The identity that a guest's claims state.
    ///
    /// - Returns: `nil` if they are incomplete.
    public init?(of claims: Claims) {
        guard let kind = claims.text(SNPTerm.endorsement).flatMap({ EndorsementKey.Kind(exactly: $0) }),
            let product = claims.product, let tcb = claims.tcb(SNPTerm.reportedTCB)
        else { return nil }
        let chip = kind == .vcek ? claims.chip.map { Array($0.prefix(product.chipIDLength)) } : nil
        guard kind == .vlek || chip?.count == product.chipIDLength else { return nil }
        self.init(kind: kind, product: product, hardwareID: chip, tcb: tcb)
    }

    public var description: String {
        let chip = hardwareID.map { " of chip \(Hex.encode($0))" } ?? ""
        return "the \(product.rawValue) \(kind.rawValue.uppercased())\(chip) at TCB \(tcb)"
    }
}

/// The documents that AMD publishes about a product's keys.
public enum AMDDocument: Sendable, Hashable, CustomStringConvertible {
    /// A VCEK or VLEK.
    case key(EndorsementIdentity)
    /// The authority over a product's keys of a kind: ASK or ASVK, with the ARK as its issuer.
    case authority(Product, EndorsementKey.Kind)

    public var name: EndorsementName {
        switch self {
        case .key(let identity):
            let chip = identity.hardwareID.map(Hex.encode) ?? "any"
            return EndorsementName("\(identity.kind.rawValue)/\(identity.product.rawValue)/\(chip)/\(identity.tcb)")
        case .authority(let product, let kind):
            return EndorsementName("authority/\(kind.rawValue)/\(product.rawValue)")
        }
    }

    /// Parses ``name``.
    public init?(_ name: EndorsementName) {
        let parts = name.text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 3, ExactText(parts[0]) == "authority", let kind = EndorsementKey.Kind(exactly: parts[1]),
            let product = Product(exactly: parts[2])
        {
            self = .authority(product, kind)
            return
        }
        guard parts.count == 4, let kind = EndorsementKey.Kind(exactly: parts[0]),
            let product = Product(exactly: parts[1]), let tcb = TCBVersion(String(parts[3]), product: product)
        else { return nil }
        let chip = kind == .vcek ? Hex.decode(parts[2]) : nil
        guard kind == .vlek || chip?.count == product.chipIDLength else { return nil }
        self = .key(EndorsementIdentity(kind: kind, product: product, hardwareID: chip, tcb: tcb))
    }

    /// The authority of an intermediate certificate's common name: `SEV-Milan`, `SEV-VLEK-Milan`.
    init?(authority name: String) {
        for product in Product.allCases {
            switch name {
            case "SEV-\(product.rawValue)": self = .authority(product, .vcek)
            case "SEV-VLEK-\(product.rawValue)": self = .authority(product, .vlek)
            default: continue
            }
            return
        }
        return nil
    }

    public var description: String {
        switch self {
        case .key(let identity): identity.description
        case .authority(let product, let kind): "the \(product.rawValue) \(kind.rawValue.uppercased()) chain"
        }
    }
}

extension Claims {
    /// The document that endorses the evidence; `nil` if there is none, or if too little is stated.
    public var endorsement: EndorsementName? {
        switch tee {
        case .snp: EndorsementIdentity(of: self).map { AMDDocument.key($0).name }
        case .sample: nil
        }
    }
}
