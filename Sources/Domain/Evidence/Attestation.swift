public import FoundationEssentials

/// Evidence of one technology: its endorsements, its verification, and its claims.
///
/// A technology is a conformance with its terms, a case of ``GuestTEE`` and one of Appraisal's vocabularies. A
/// conformance is pure: documents, time and the deny list are arguments. See docs/decisions/0018-appraisal.md.
public protocol Attestation: Sendable {
    associatedtype Endorsement: Endorsing

    var tee: GuestTEE { get }

    /// The report data that the hardware signed; a dialect compares them with challenge and key.
    var reportData: [UInt8] { get }

    /// The names of the keys that may have signed the evidence, likeliest first; empty without a signature.
    var signers: [EndorsementName] { get }

    /// The documents that the guest sent, unverified.
    var offered: [EndorsementDocument] { get }

    /// The endorsements of a signer among documents, each verified against the pinned roots.
    static func endorsements(
        of signer: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors
    ) -> [Endorsement]

    /// The names of the documents that endorse a signer.
    static func documents(of signer: EndorsementName) -> [EndorsementName]

    /// The documents to fetch from the vendor, in order, until one of a signer's endorsements settles the verdict.
    ///
    /// - Parameter documents: the documents at hand.
    static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trust: Trust
    ) -> [EndorsementName]

    /// Verifies a document of this technology against the pinned roots.
    ///
    /// - Parameter others: documents that may endorse it.
    /// - Returns: the documents to store: this one, and those that its verification needs.
    static func accept(
        _ document: EndorsementDocument, beside others: [EndorsementDocument], _ trust: Trust
    ) throws(DocumentRefusal) -> [EndorsementDocument]

    /// Whether a name is one of this technology's documents.
    static func issues(_ name: EndorsementName) -> Bool

    /// This technology's documents among certificates, unverified.
    static func documents(in certificates: [Certificate]) -> [EndorsementDocument]

    /// The endorser that a document's name states; `nil` if it states none.
    static func endorser(of name: EndorsementName) -> Endorser?

    /// Verifies that the evidence is genuine and of this exchange. Every check is evaluated, except signatures by keys
    /// that cannot be the vendor's. Acceptability is Appraisal's.
    ///
    /// - Parameters:
    ///   - endorsement: `nil` if there is none.
    ///   - explains: whether the verdict without an endorsement explains why none of ``offered`` is one.
    func verify(by endorsement: Endorsement?, explaining explains: Bool, _ exchange: Exchange) -> Verdict

    /// The claims, proven or not.
    func claims(by endorsement: Endorsement?) -> Claims

    /// The claims under the assumption that a signer's key endorses the evidence, as far as known.
    func claims(ifSignedBy signer: EndorsementName) -> Claims

    /// The checks whose failure no endorsement can change.
    static var decisive: Set<Check.Name> { get }
}

/// An endorsement of evidence, verified once against the pinned roots and used for all evidence of its signer.
public protocol Endorsing: Sendable {
    /// Whether it leads to a pinned root. It may have expired.
    var isGenuine: Bool { get }

    /// Distinguishes the endorsements of one signer, e.g. the signing key's certificate.
    var identity: [UInt8] { get }

    /// The chip and keys that it stands for, which an operator can deny.
    var endorsers: [Endorser] { get }

    /// The documents that it was made from.
    var documents: [EndorsementDocument] { get }

    /// Whether no other endorsement of the signer can prove more, such as for the one key of a chip.
    func settles(at time: Date, denying denies: DenyList?) -> Bool
}

/// The inputs of a verification beside the evidence.
public struct Exchange: Sendable {
    /// The expected report data, from challenge and key; `nil` without a challenge.
    public var reportData: [UInt8]?
    /// The digest of the guest's init data; `nil` without any.
    public var initData: [UInt8]?
    /// Whether samples, which have no hardware, count as genuine.
    public var takesSamples = false
    /// The deny list; `nil` without one.
    public var denies: DenyList?
    /// The time at which endorsements must be valid.
    public var time: Date

    public init(
        reportData: [UInt8]? = nil, initData: [UInt8]? = nil, takesSamples: Bool = false,
        denying denies: DenyList? = nil, at time: Date
    ) {
        (self.reportData, self.initData, self.takesSamples) = (reportData, initData, takesSamples)
        (self.denies, self.time) = (denies, time)
    }
}

extension GuestTEE {
    public var technology: any Attestation.Type {
        switch self {
        case .snp: SNPEvidence.self
        case .sample: SampleEvidence.self
        }
    }
}

extension Attestation {
    /// Whether an endorsement could still prove the evidence: no decisive check has failed.
    ///
    /// - Parameter verdict: of a verification without an endorsement.
    public static func isWorthProving(_ verdict: Verdict) -> Bool {
        verdict.failures.allSatisfy { !decisive.contains($0.name) }
    }
}

/// The endorsement of evidence that has none: no value exists.
public enum NoEndorsement: Endorsing {
    public var isGenuine: Bool { switch self {} }
    public var identity: [UInt8] { switch self {} }
    public var endorsers: [Endorser] { switch self {} }
    public var documents: [EndorsementDocument] { switch self {} }
    public func settles(at time: Date, denying denies: DenyList?) -> Bool { switch self {} }
}
