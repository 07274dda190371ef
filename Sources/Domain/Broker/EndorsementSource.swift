import Bytes
public import Evidence

/// Where certificates come from. What a source returns is not believed: the broker verifies it.
public protocol EndorsementSource: Sendable {
    /// Certificates that are at hand without asking anyone: keys for the identity, and authorities.
    func certificates(for identity: EndorsementIdentity) async throws -> [Certificate]

    /// Asks the vendor for a chip's key.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    func fetchKey(_ identity: EndorsementIdentity) async throws -> Certificate

    /// Asks the vendor for the certificates above a product's keys.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    func fetchAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate]

    /// Keeps a chain that was verified to its pin, for the next start.
    func keep(_ chain: EndorsementChain) async

    /// Keeps certificates above a product's keys, which were found to lead to a pinned root.
    func keep(_ authority: SNPAnchors.Authority) async

    /// Is told that the key that a vendor gave leads to no pinned root, so that it is not asked for again at once.
    func distrustKey(_ identity: EndorsementIdentity)

    /// The same of the certificates above a product's keys.
    func distrustAuthorities(_ product: Product, _ kind: EndorsementKey.Kind)

    /// Is told how far each look-up had to go.
    func note(_ lookup: EndorsementLookup)
}

extension EndorsementSource {
    public func keep(_ authority: SNPAnchors.Authority) async {}
    public func distrustKey(_ identity: EndorsementIdentity) {}
    public func distrustAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) {}
    public func note(_ lookup: EndorsementLookup) {}
}

/// What a report says of the key that signed it: enough to ask for its certificate.
public struct EndorsementIdentity: Sendable, Hashable, CustomStringConvertible {
    public let kind: EndorsementKey.Kind
    public let product: Product
    /// The chip, 64 bytes (Turin: 8). A VLEK is not a chip's.
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

    /// What a report's fields say, if it was made by `product`.
    ///
    /// - Returns: `nil` when no certificate can match: no key signed it, or the chip is hidden from a VCEK.
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

    public var description: String {
        let chip = hardwareID.map { " of chip \(Hex.encode($0))" } ?? ""
        return "the \(product.rawValue) \(kind.rawValue.uppercased())\(chip) at TCB \(tcb)"
    }
}

/// Why a vendor gave no certificate.
public struct EndorsementUnavailable: Error, Sendable, Hashable, CustomStringConvertible {
    /// For a guest too, in whose sentence there is room for 87 bytes.
    public let reason: String
    /// For the operator.
    public let detail: String?
    /// In seconds.
    public let retryAfter: Int?

    public init(_ reason: String, detail: String? = nil, retryAfter: Int? = nil) {
        self.reason = reason
        self.detail = detail
        self.retryAfter = retryAfter
    }

    public var description: String { detail.map { "\(reason): \($0)" } ?? reason }
}

/// Where certificates outlive the process. It keeps what was verified, and what an operator imported.
public protocol CertificateStore: Sendable {
    func certificates(named names: [String]) async throws -> [Certificate]
    func keep(_ certificates: [NamedCertificate]) async throws
}

/// A certificate with the name that it is found by.
public struct NamedCertificate: Sendable, Hashable {
    public let name: String
    public let certificate: Certificate

    public init(name: String, certificate: Certificate) {
        self.name = name
        self.certificate = certificate
    }
}

extension EndorsementIdentity {
    /// What a key's certificate is kept as.
    public var keyName: String {
        "\(kind.rawValue)/\(product.rawValue)/\(hardwareID.map(Hex.encode) ?? "any")/\(tcb)"
    }

    /// What the certificates above a product's keys are kept as.
    public static func authorityName(_ product: Product, _ kind: EndorsementKey.Kind) -> String {
        "authority/\(kind.rawValue)/\(product.rawValue)"
    }
}

/// No certificates from anywhere: for a broker that only registers.
public struct NoEndorsements: EndorsementSource {
    public init() {}

    public func certificates(for identity: EndorsementIdentity) async throws -> [Certificate] { [] }

    public func fetchKey(_ identity: EndorsementIdentity) async throws -> Certificate {
        throw EndorsementUnavailable("there is no source of certificates")
    }

    public func fetchAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate] {
        throw EndorsementUnavailable("there is no source of certificates")
    }

    public func keep(_ chain: EndorsementChain) async {}
}
