import Bytes
public import FoundationEssentials

/// What an SEV-SNP guest answers a challenge with: its report, and what came along.
public struct SNPEvidence: Attestation {
    public let report: AttestationReport
    /// What the guest calls its processor. A claim, held against the certificate.
    public var generation: Product?
    private let along: Along

    private enum Along: Sendable {
        /// As the guest sent them. They are read only when no certificate that vouches for the report is known yet.
        case sent([[UInt8]])
        case given([Certificate])
    }

    /// - Parameter files: the certificates that the guest sent along, PEM or DER.
    public init(_ report: AttestationReport, sent files: [[UInt8]], generation: Product? = nil) {
        (self.report, self.generation, along) = (report, generation, .sent(files))
    }

    public init(_ report: AttestationReport, certificates: [Certificate] = []) {
        (self.report, along) = (report, .given(certificates))
    }

    public var certificates: [Certificate] {
        switch along {
        case .sent(let files): Certificate.offered(files)
        case .given(let certificates): certificates
        }
    }

    /// The same, with more certificates: what an operator has of it.
    public func with(_ more: [Certificate]) -> SNPEvidence {
        var evidence = SNPEvidence(report, certificates: more + certificates)
        evidence.generation = generation
        return evidence
    }

    public var tee: GuestTEE { .snp }
    public var reportData: [UInt8] { report.reportData }

    /// The keys by which it may have been signed: one for each product that may have made it.
    public var signers: [EndorsementName] {
        products.compactMap { EndorsementIdentity(claimedBy: report, product: $0) }
            .map { AMDDocument.key($0).name }
    }

    /// The products that may have made the report, likeliest first.
    private var products: [Product] {
        if let product = report.product { return [product] }
        // Only Milan and Genoa ever made version 2 reports, which do not name the product.
        guard report.version == 2 else { return [] }
        return [.milan, .genoa].sorted { first, _ in first == generation }
    }

    public var offered: [EndorsementDocument] {
        certificates.map { EndorsementDocument($0, named: EndorsementName("offered")) }
    }

    // MARK: Endorsements

    public static func endorsements(
        of signer: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors
    ) -> [AppraisedChain] {
        guard case .key(let identity)? = AMDDocument(signer) else { return [] }
        let certificates = documents.flatMap(\.certificates)
        return EndorsementKey.all(among: certificates).filter { EndorsementIdentity(of: $0) == identity }
            .compactMap { EndorsementChain(key: $0, among: certificates) }
            .map { AppraisedChain($0, anchors: anchors.snp) }
    }

    public static func documents(of signer: EndorsementName) -> [EndorsementName] {
        guard case .key(let identity)? = AMDDocument(signer) else { return [signer] }
        return [signer, AMDDocument.authority(identity.product, identity.kind).name]
    }

    /// The authorities, if none at hand are genuine, and then the key.
    public static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], anchors: Anchors,
        denying denies: DenyList?
    ) -> [EndorsementName] {
        guard case .key(let identity)? = AMDDocument(signer) else { return [] }
        let certificates = documents.flatMap(\.certificates)
        // Nobody gives a VLEK away: without one, what is above it proves nothing.
        let isWorthIt =
            identity.kind == .vcek
            || EndorsementKey.all(among: certificates).contains { EndorsementIdentity(of: $0) == identity }
        let has = anchors.snp.authorities(among: certificates).contains {
            $0.signs(identity.product, identity.kind) && !$0.isDenied(by: denies)
        }
        return has || !isWorthIt
            ? [signer] : [AMDDocument.authority(identity.product, identity.kind).name, signer]
    }

    public static func genuine(
        _ name: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors, denying denies: DenyList?
    ) -> [EndorsementDocument]? {
        switch AMDDocument(name) {
        case .authority(let product, let kind)?:
            // Whatever becomes of the key: anyone can say that there is one.
            return anchors.snp.authorities(among: documents.flatMap(\.certificates))
                .first { $0.signs(product, kind) && !$0.isDenied(by: denies) }.map { [$0.document] }
        case .key?:
            guard let given = documents.first(where: { $0.name == name }) else { return nil }
            return endorsements(of: name, among: documents, anchors: anchors)
                .contains { $0.isGenuine && $0.identity == given.bytes } ? [] : nil
        case nil: return nil
        }
    }

    // MARK: Claims

    /// A report of version 2 does not say which product it comes from, and without it TCBs have no meaning; no report says
    /// whose VLEK it is.
    public func claims(by endorsement: AppraisedChain?) -> Claims {
        let key = endorsement?.chain.key
        var claims = report.claims(of: key?.product ?? report.product)
        claims[SNPTerm.cspID] = key?.cspID.map { .text($0.text) }
        claims[SNPTerm.endorsingKeys] = endorsement.map { .bytes(Endorser.bytes(of: $0.keys)) }
        return claims
    }

    public func claims(ifSignedBy signer: EndorsementName) -> Claims {
        guard case .key(let identity)? = AMDDocument(signer) else { return claims(by: nil) }
        var claims = report.claims(of: identity.product)
        claims[SNPTerm.cspID] = EndorsementKey.all(among: certificates).lazy.compactMap(\.cspID).first
            .map { .text($0.text) }
        return claims
    }

    public static var decisive: Set<Check.Name> {
        [
            .snpVersion, .snpLayout, .snpSignatureAlgorithm, .snpSignatureEncoding, .snpReportData, .snpMeasurement,
            .snpHostData, .snpProducts, .snpDenied,
        ]
    }
}

extension EndorsementKey {
    /// The VCEKs and VLEKs among certificates, each once.
    static func all(among certificates: [Certificate]) -> [EndorsementKey] {
        var seen: Set<[UInt8]> = []
        return certificates.compactMap { certificate in
            (try? EndorsementKey(certificate)).flatMap { seen.insert(certificate.der).inserted ? $0 : nil }
        }
    }
}

extension AppraisedChain: Endorsing {
    public var identity: [UInt8] { chain.key.certificate.der }
    public var documents: [EndorsementDocument] { chain.documents }

    /// A chip has one key for a TCB: once its certificate is known no other can say more, unless an authority's key was
    /// denied and AMD has certified the chip's under another since.
    public func settles(at time: Date, denying denies: DenyList?) -> Bool {
        chain.key.kind == .vcek && isGenuine(at: time) && !(denies.map(isDeniedAboveKey) ?? false)
    }
}

extension EndorsementChain {
    /// The key, and what is above it, which other keys share.
    public var documents: [EndorsementDocument] {
        [
            EndorsementDocument(key.certificate, named: AMDDocument.key(EndorsementIdentity(of: key)).name),
            EndorsementDocument(
                intermediate, above: [root], named: AMDDocument.authority(key.product, key.kind).name),
        ]
    }
}

extension SNPAnchors.Authority {
    /// Kept with the ARK above it.
    public var document: EndorsementDocument {
        EndorsementDocument(intermediate, above: [root], named: AMDDocument.authority(product, kind).name)
    }

    fileprivate func signs(_ product: Product, _ kind: EndorsementKey.Kind) -> Bool {
        self.product == product && self.kind == kind
    }

    fileprivate func isDenied(by denies: DenyList?) -> Bool { denies.map(isDenied) ?? false }
}
