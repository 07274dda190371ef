import Bytes

/// An EPYC generation, by its name in AMD's certificates and Key Distribution Service.
public enum Product: String, Sendable, Hashable, CaseIterable, Codable {
    case milan = "Milan"
    case genoa = "Genoa"
    case turin = "Turin"

    /// Parses a name in any case: `Milan`, `genoa`, and a certificate's `Milan-B0` too.
    public init?(name: some StringProtocol) {
        let family = name.split(separator: "-").first.map { $0.lowercased() }
        guard let product = Self.allCases.first(where: { $0.rawValue.lowercased() == family }) else { return nil }
        self = product
    }

    /// From CPUID family and model. Source: AMD 56860, report version 3.
    init?(family: UInt8, model: UInt8) {
        switch (family, model) {
        case (0x19, 0x00...0x0F): self = .milan
        case (0x19, 0x10...0x1F), (0x19, 0xA0...0xAF): self = .genoa
        case (0x1A, 0x00...0x11): self = .turin
        default: return nil
        }
    }

    /// The number of significant bytes in the report's 64-byte CHIP_ID; the rest is zero.
    public var chipIDLength: Int { self == .turin ? 8 : 64 }
}

/// The vendor's root keys, each pinned by SHA-256 over the ARK's SubjectPublicKeyInfo (DER).
///
/// A pin can be checked against AMD's own site; the certificates are data and may come from anywhere. See
/// docs/decisions/0002-pinned-anchors.md.
public struct SNPAnchors: Sendable, Hashable {
    private var fingerprints: [Product: Set<[UInt8]>]

    /// AMD's own roots.
    public static let amd = SNPAnchors([
        .milan: "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
        .genoa: "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
        .turin: "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
    ])

    private init(_ pins: [Product: String]) {
        fingerprints = pins.compactMapValues { Hex.decode($0).map { [$0] } }
    }

    /// These anchors and one more. Only for simulated hardware.
    public func trusting(_ fingerprint: [UInt8], for product: Product) -> SNPAnchors {
        var anchors = self
        anchors.fingerprints[product, default: []].insert(fingerprint)
        return anchors
    }

    /// The product of this root; `nil` if it is not pinned.
    func product(ofRoot certificate: Certificate) -> Product? {
        let fingerprint = certificate.publicKeyFingerprint
        return Product.allCases.first { product in
            fingerprints[product]?.contains(fingerprint) == true
                && Product(name: certificate.commonName.dropFirst("ARK-".count)) == product
        }
    }
}
