import Bytes
import Concurrency
public import FoundationEssentials

/// An SEV-SNP guest's evidence: its report, and the certificates sent with it.
public struct SNPEvidence: Attestation {
    public let report: AttestationReport
    /// The processor generation that the guest states; checked against the certificate.
    public var generation: Product?
    private let along: Lock<CertificateSource>

    private enum CertificateSource: Sendable {
        /// The certificates as sent by the guest. They are parsed once, and only if no certificate for the report is
        /// known yet.
        case sent([[UInt8]])
        case given([Certificate])
    }

    /// - Parameter files: the certificates sent by the guest, PEM or DER.
    public init(_ report: AttestationReport, sent files: [[UInt8]], generation: Product? = nil) {
        (self.report, self.generation, along) = (report, generation, Lock(.sent(files)))
    }

    public init(_ report: AttestationReport, certificates: [Certificate] = []) {
        (self.report, along) = (report, Lock(.given(certificates)))
    }

    public var certificates: [Certificate] {
        along.withLock { along in
            switch along {
            case .sent(let files):
                let certificates = Certificate.offered(files)
                along = .given(certificates)
                return certificates
            case .given(let certificates): return certificates
            }
        }
    }

    /// The evidence with more certificates, from an operator.
    public func with(_ more: [Certificate]) -> SNPEvidence {
        var evidence = SNPEvidence(report, certificates: more + certificates)
        evidence.generation = generation
        return evidence
    }

    public var tee: GuestTEE { .snp }
    public var reportData: [UInt8] { report.reportData }

    /// The keys that may have signed the report: one for each product that may have made it.
    public var signers: [EndorsementName] {
        products.compactMap { EndorsementIdentity(claimedBy: report, product: $0) }
            .map { AMDDocument.key($0).name }
    }

    /// The products that may have made the report, likeliest first.
    private var products: [Product] {
        if let product = report.product { return [product] }
        // Only Milan and Genoa make version 2 reports, which do not name the product.
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
        return anchors.snp.chains(
            of: EndorsementKey.all(among: certificates).filter { EndorsementIdentity(of: $0) == identity },
            among: certificates)
    }

    public static func documents(of signer: EndorsementName) -> [EndorsementName] {
        guard case .key(let identity)? = AMDDocument(signer) else { return [signer] }
        return [signer, AMDDocument.authority(identity.product, identity.kind).name]
    }

    /// The documents to fetch: the authorities, unless genuine ones are available, and then the key.
    public static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trust: Trust
    ) -> [EndorsementName] {
        guard case .key(let identity)? = AMDDocument(signer) else { return [signer] }
        let certificates = documents.flatMap(\.certificates)
        // A VLEK cannot be fetched: without one its authorities prove nothing.
        let isWorthIt =
            identity.kind == .vcek
            || EndorsementKey.all(among: certificates).contains { EndorsementIdentity(of: $0) == identity }
        let has = trust.anchors.snp.authorities(among: certificates).contains {
            $0.signs(identity.product, identity.kind) && (try? $0.accepted(by: trust)) != nil
        }
        return has || !isWorthIt
            ? [signer] : [AMDDocument.authority(identity.product, identity.kind).name, signer]
    }

    public static func accept(
        _ document: EndorsementDocument, beside others: [EndorsementDocument], _ trust: Trust
    ) throws(DocumentRefusal) -> [EndorsementDocument] {
        let certificates = document.certificates + others.flatMap(\.certificates)
        switch (AMDDocument(document.name), document.certificates.first) {
        case (.authority(let product, let kind)?, let intermediate?):
            let authorities = trust.anchors.snp.authorities(among: certificates).filter {
                $0.signs(product, kind) && document.certificates.contains($0.intermediate)
            }
            guard let authority = authorities.first else {
                throw certificates.contains { $0.isNamed(asIssuerOf: intermediate) } ? .unpinned : .incomplete
            }
            return [try authority.accepted(by: trust)]
        case (.key(let identity)?, let certificate?):
            guard let key = try? EndorsementKey(certificate), EndorsementIdentity(of: key) == identity else {
                throw .misnamed
            }
            guard let appraised = trust.anchors.snp.chains(of: [key], among: certificates).first else {
                throw .incomplete
            }
            guard appraised.isGenuine else { throw .unpinned }
            if let denied = trust.denied(among: appraised.endorsers) { throw .denied(denied) }
            guard trust.time <= appraised.validUntil else { throw .ended(appraised.validUntil) }
            guard appraised.validFrom <= trust.time else { throw .notYetValid(until: appraised.validFrom) }
            return appraised.documents
        default: throw .misnamed
        }
    }

    /// A name has one spelling: another would be a document of its own to the cache and to renewal.
    public static func issues(_ name: EndorsementName) -> Bool { AMDDocument(name)?.name == name }

    public static func endorser(of name: EndorsementName) -> Endorser? {
        guard case .key(let identity)? = AMDDocument(name) else { return nil }
        return identity.hardwareID.map { Endorser(chip: $0) }
    }

    /// Keys, and each ASK and ASVK with every ARK of its issuer's name.
    public static func documents(in certificates: [Certificate]) -> [EndorsementDocument] {
        let authorities = certificates.flatMap { intermediate in
            guard let name = AMDDocument(authority: intermediate.commonName)?.name else {
                return [EndorsementDocument]()
            }
            return certificates.filter { $0.isNamed(asIssuerOf: intermediate) }
                .map { EndorsementDocument(intermediate, above: [$0], named: name) }
        }
        return authorities
            + EndorsementKey.all(among: certificates).map { key in
                EndorsementDocument(key.certificate, named: AMDDocument.key(EndorsementIdentity(of: key)).name)
            }
    }

    // MARK: Claims

    /// A report of version 2 does not state its product, without which TCBs cannot be decoded; no report states a
    /// VLEK's provider. Both come from the certificate.
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

    /// A chip has one key for a TCB: once its certificate is known no other can add anything, unless an authority's key
    /// was denied and AMD has since certified the chip's key under another.
    public func settles(at time: Date, denying denies: DenyList?) -> Bool {
        chain.key.kind == .vcek && isGenuine(at: time) && !(denies.map(isDeniedAboveKey) ?? false)
    }
}

extension EndorsementChain {
    /// The documents of the key and of its authorities, which other keys share.
    public var documents: [EndorsementDocument] {
        [
            EndorsementDocument(key.certificate, named: AMDDocument.key(EndorsementIdentity(of: key)).name),
            EndorsementDocument(
                intermediate, above: [root], named: AMDDocument.authority(key.product, key.kind).name),
        ]
    }
}

extension SNPAnchors.Authority {
    /// The authority's document, stored together with its ARK.
    fileprivate var document: EndorsementDocument {
        EndorsementDocument(intermediate, above: [root], named: AMDDocument.authority(product, kind).name)
    }

    /// - Returns: what is to be kept of it.
    fileprivate func accepted(by trust: Trust) throws(DocumentRefusal) -> EndorsementDocument {
        if let denied = trust.denied(among: [intermediate, root].map { .key($0.publicKeyFingerprint) }) {
            throw .denied(denied)
        }
        let document = document
        if let end = document.goodUntil, end < trust.time { throw .ended(end) }
        let start = max(intermediate.notBefore, root.notBefore)
        guard start <= trust.time else { throw .notYetValid(until: start) }
        return document
    }
}
