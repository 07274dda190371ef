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
}

/// The result of verifying a chain, done once per certificate and used for every report that it signs. Its initialisers
/// verify what they are given, so that an instance proves the verification.
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
        let (key, intermediate, root) = (chain.key, chain.intermediate, chain.root)
        // Anyone may send a chain: without a pinned root no signature is verified.
        let isPinned = anchors.product(ofRoot: root) == key.product
        self.init(
            chain,
            signatures: isPinned
                ? (root.isSigned(by: root), intermediate.isSigned(by: root), key.certificate.isSigned(by: intermediate))
                : nil)
    }

    /// Verifies a key's signature by a verified authority.
    init(_ key: EndorsementKey, under authority: SNPAnchors.Authority) {
        self.init(
            EndorsementChain(key: key, intermediate: authority.intermediate, root: authority.root),
            signatures: (true, true, key.certificate.isSigned(by: authority.intermediate)))
    }

    /// - Parameter signatures: whether the root's own signature, the intermediate certificate's and the key's are
    ///   valid; `nil` if the root is not pinned.
    private init(_ chain: EndorsementChain, signatures: (root: Bool, intermediate: Bool, key: Bool)?) {
        self.chain = chain
        let (key, intermediate, root) = (chain.key, chain.intermediate, chain.root)
        keys = [key.certificate, intermediate, root].map { .key($0.publicKeyFingerprint) }
        validFrom = max(key.certificate.notBefore, intermediate.notBefore, root.notBefore)
        validUntil = min(key.certificate.notAfter, intermediate.notAfter, root.notAfter)
        var list = CheckList()
        list.check(
            .snpRoot, expected: .text("a pinned \(key.product.rawValue) root key"),
            found: .bytes(root.publicKeyFingerprint), signatures != nil,
            advice: "The root certificate is not AMD's for \(key.product.rawValue): "
                + "get the certificates again, from AMD or from someone you trust.")
        guard let signatures else {
            checks = list.checks
            return
        }
        list.check(
            .snpRootSignature, expected: .text("signed by itself"), found: .text(root.commonName),
            signatures.root, advice: "The ARK's signature is wrong: get the certificate again.")
        let intermediateName = (key.kind == .vcek ? "SEV-" : "SEV-VLEK-") + key.product.rawValue
        list.check(
            .snpIntermediate, expected: .text("\(intermediateName), signed by the ARK"),
            found: .text(intermediate.commonName),
            intermediate.commonName == intermediateName && signatures.intermediate,
            advice: "The intermediate certificate is not \(intermediateName) or the ARK did not sign it: "
                + "get the certificates again.")
        list.check(
            .snpEndorsementKey, expected: .text("signed by \(intermediateName)"),
            found: .text(key.certificate.commonName), signatures.key,
            advice: "The \(key.kind.rawValue.uppercased()) is not signed by \(intermediateName): it is not genuine, "
                + "or belongs to another product.")
        checks = list.checks
    }
}

extension SNPAnchors {
    /// An intermediate certificate under a pinned root, verified, with the product and kind of keys that it signs. Only
    /// ``authorities(among:)`` makes one.
    public struct Authority: Sendable {
        public let product: Product
        public let kind: EndorsementKey.Kind
        public let intermediate: Certificate
        public let root: Certificate

        fileprivate init(
            _ product: Product, _ kind: EndorsementKey.Kind, _ intermediate: Certificate, under root: Certificate
        ) {
            (self.product, self.kind, self.intermediate, self.root) = (product, kind, intermediate, root)
        }

        func signs(_ product: Product, _ kind: EndorsementKey.Kind) -> Bool {
            self.product == product && self.kind == kind
        }
    }

    /// Every authority among certificates. A certificate's signature is verified once for each pinned root that it
    /// names as its issuer.
    public func authorities(among certificates: [Certificate]) -> [Authority] {
        var seen: Set<Certificate> = []
        let certificates = certificates.filter { seen.insert($0).inserted }
        let roots = certificates.filter { product(ofRoot: $0) != nil && $0.isSigned(by: $0) }
        return certificates.flatMap { intermediate in
            roots.compactMap { root in
                guard let product = product(ofRoot: root),
                    case .authority(product, let kind)? = AMDDocument(authority: intermediate.commonName),
                    intermediate.isSigned(by: root)
                else { return nil }
                return Authority(product, kind, intermediate, under: root)
            }
        }
    }

    /// The chains of keys, built from the pinned roots down: under a root that is not pinned no signature is verified,
    /// and a key's only under an authority that is.
    ///
    /// - Returns: the genuine chains, at most one for each key; if there are none, one for its faults; empty if the
    ///   keys' issuers are missing.
    public func chains(of keys: [EndorsementKey], among certificates: [Certificate]) -> [AppraisedChain] {
        guard !keys.isEmpty else { return [] }
        let authorities = authorities(among: certificates)
        func chains(of key: EndorsementKey) -> some Collection<AppraisedChain> {
            authorities.lazy.filter { $0.signs(key.product, key.kind) }.map { AppraisedChain(key, under: $0) }
        }
        let genuine = keys.compactMap { chains(of: $0).first(where: \.isGenuine) }
        guard genuine.isEmpty else { return genuine }
        for key in keys {
            func issuer(of certificate: Certificate) -> Certificate? {
                let named = certificates.filter { $0.isNamed(asIssuerOf: certificate) }
                return named.first { product(ofRoot: $0) == key.product } ?? named.first
            }
            if let chain = chains(of: key).first { return [chain] }
            if let intermediate = issuer(of: key.certificate), let root = issuer(of: intermediate) {
                return [
                    AppraisedChain(
                        EndorsementChain(key: key, intermediate: intermediate, root: root), anchors: self)
                ]
            }
        }
        return []
    }
}
