public import FoundationEssentials

/// A VCEK or VLEK with the certificates above it, not yet verified.
public struct EndorsementChain: Sendable {
    /// VCEK or VLEK.
    public let key: EndorsementKey
    /// ASK over a VCEK, ASVK over a VLEK.
    public let intermediate: Certificate
    /// ARK.
    public let root: Certificate

    public init(key: EndorsementKey, intermediate: Certificate, root: Certificate) {
        self.key = key
        self.intermediate = intermediate
        self.root = root
    }

    /// Finds the issuers of a key among certificates. Of several with the right name (a simulator's beside the
    /// vendor's), it takes the one whose key made the signature.
    ///
    /// - Returns: `nil` if one is missing.
    public init?(key: EndorsementKey, among certificates: [Certificate]) {
        func issuer(of certificate: Certificate) -> Certificate? {
            let named = certificates.filter { $0.isNamed(asIssuerOf: certificate) }
            return named.count < 2 ? named.first : named.first { certificate.isSigned(by: $0) } ?? named.first
        }
        guard let intermediate = issuer(of: key.certificate), let root = issuer(of: intermediate) else { return nil }
        self.init(key: key, intermediate: intermediate, root: root)
    }
}

/// The result of verifying a chain, done once per certificate and used for every report that it signs. Only
/// ``init(_:anchors:)`` makes one, so that an instance proves the verification.
public struct AppraisedChain: Sendable {
    public let chain: EndorsementChain
    /// The keys of the chain: VCEK or VLEK, ASK or ASVK, ARK.
    public let keys: [Endorser]
    /// The checks that do not depend on the time.
    let checks: [Check]
    /// The period in which all three certificates are valid.
    let validFrom: Date
    let validUntil: Date

    /// Whether the chain ends in a pinned root. It may still have expired.
    public var isGenuine: Bool { checks.allSatisfy { $0.outcome == .passed } }

    /// The endorsers of a report that is verified by this chain.
    public var endorsers: [Endorser] { keys + (chain.key.hardwareID.map { [Endorser(chip: $0)] } ?? []) }

    /// Whether an operator has denied one of the keys above the VCEK or VLEK, which may then have another chain.
    public func isDeniedAboveKey(by denies: DenyList) -> Bool { keys.dropFirst().contains(where: denies) }

    /// Whether the chain is genuine and valid at `time`.
    public func isGenuine(at time: Date) -> Bool { isGenuine && validFrom <= time && time <= validUntil }

    /// Verifies the three signatures and the names, against the pinned roots.
    public init(_ chain: EndorsementChain, anchors: SNPAnchors) {
        self.chain = chain
        let (key, intermediate, root) = (chain.key, chain.intermediate, chain.root)
        keys = [key.certificate, intermediate, root].map { .key($0.publicKeyFingerprint) }
        var list = CheckList()
        let anchored = anchors.product(ofRoot: root)
        list.check(
            .snpRoot, expected: .text("a pinned \(key.product.rawValue) root key"),
            found: .bytes(root.publicKeyFingerprint), anchored == key.product,
            advice: "The root certificate is not AMD's for \(key.product.rawValue): "
                + "get the certificates again, from AMD or from someone you trust.")
        list.check(
            .snpRootSignature, expected: .text("signed by itself"), found: .text(root.commonName),
            root.isSigned(by: root), advice: "The ARK's signature is wrong: get the certificate again.")
        let intermediateName = (key.kind == .vcek ? "SEV-" : "SEV-VLEK-") + key.product.rawValue
        list.check(
            .snpIntermediate, expected: .text("\(intermediateName), signed by the ARK"),
            found: .text(intermediate.commonName),
            intermediate.commonName == intermediateName && intermediate.isSigned(by: root),
            advice: "The intermediate certificate is not \(intermediateName) or the ARK did not sign it: "
                + "get the certificates again.")
        list.check(
            .snpEndorsementKey, expected: .text("signed by \(intermediateName)"),
            found: .text(key.certificate.commonName), key.certificate.isSigned(by: intermediate),
            advice: "The \(key.kind.rawValue.uppercased()) is not signed by \(intermediateName): it is not genuine, "
                + "or belongs to another product.")
        checks = list.checks
        validFrom = max(key.certificate.notBefore, intermediate.notBefore, root.notBefore)
        validUntil = min(key.certificate.notAfter, intermediate.notAfter, root.notAfter)
    }
}

extension SNPAnchors {
    /// An intermediate certificate under a pinned root, with the product and kind of keys that it signs.
    public struct Authority: Sendable {
        public let product: Product
        public let kind: EndorsementKey.Kind
        public let intermediate: Certificate
        public let root: Certificate
    }

    /// Every authority among many certificates.
    public func authorities(among certificates: [Certificate]) -> [Authority] {
        certificates.flatMap { root in
            certificates.compactMap { intermediate in
                // The root's signature last: names alone rule most pairs out.
                guard let product = product(ofRoot: root),
                    case .authority(product, let kind)? = AMDDocument(authority: intermediate.commonName),
                    intermediate.isSigned(by: root), root.isSigned(by: root)
                else { return nil }
                return Authority(product: product, kind: kind, intermediate: intermediate, root: root)
            }
        }
    }
}
