public import FoundationEssentials

/// Evidence of one technology, and all that is particular to it: who vouches for it, whether it is genuine, what it states.
///
/// A technology is a conformance and its terms, an entry of ``GuestTEE`` and one of Appraisal's vocabularies. A conformance
/// is pure: documents, time and an operator's word are arguments. See docs/decisions/0018-appraisal.md.
public protocol Attestation: Sendable {
    /// What vouches for such evidence.
    associatedtype Endorsement: Endorsing

    var tee: GuestTEE { get }

    /// What the guest had its hardware sign: the dialect holds it against challenge and key.
    var reportData: [UInt8] { get }

    /// Who may have signed it, likeliest first, each by its name among endorsements. None where nobody signs.
    var signers: [EndorsementName] { get }

    /// Certificates and the like that came along. Nothing of them is believed.
    var offered: [EndorsementDocument] { get }

    /// Every endorsement of a signer that documents have, each held against the pinned roots.
    static func endorsements(
        of signer: EndorsementName, among documents: [EndorsementDocument], anchors: Anchors
    ) -> [Endorsement]

    /// The documents that vouch for a signer, by name.
    static func documents(of signer: EndorsementName) -> [EndorsementName]

    /// Those of them to ask the vendor for, in turn, for as long as the matter is not settled.
    ///
    /// - Parameter documents: what is at hand.
    static func wanted(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trust: Trust
    ) -> [EndorsementName]

    /// Holds a document of this technology against the pinned roots, whoever gave it.
    ///
    /// - Parameter others: what else is at hand, and may vouch for it.
    /// - Returns: what is to be kept: it, and what it takes to verify it.
    static func accept(
        _ document: EndorsementDocument, beside others: [EndorsementDocument], _ trust: Trust
    ) throws(DocumentRefusal) -> [EndorsementDocument]

    /// Whether a document is this technology's, by its name.
    static func issues(_ name: EndorsementName) -> Bool

    /// What certificates of some folder are, by name. Nothing of them is believed.
    static func documents(in certificates: [Certificate]) -> [EndorsementDocument]

    /// What an operator can deny of a document before there is one.
    static func endorser(of name: EndorsementName) -> Endorser?

    /// Whether the evidence is genuine, and this exchange's. Every check is evaluated. Whether what it states is acceptable is
    /// Appraisal's to say.
    ///
    /// - Parameters:
    ///   - endorsement: `nil` when there is none; the verdict says then why nothing in ``offered`` is one, if `explains`.
    func verify(by endorsement: Endorsement?, explaining explains: Bool, _ exchange: Exchange) -> Verdict

    /// What it states, proven or not.
    func claims(by endorsement: Endorsement?) -> Claims

    /// What it would state if that signer's key vouched for it, as far as that is known.
    func claims(ifSignedBy signer: EndorsementName) -> Claims

    /// The checks of which a failure says that no endorsement can help.
    static var decisive: Set<Check.Name> { get }
}

/// What vouches for evidence, verified to a pinned root: done once, used for all that it signs.
public protocol Endorsing: Sendable {
    /// Whether it leads to a pinned root. It may have expired.
    var isGenuine: Bool { get }

    /// Tells one endorsement of a signer from another: the signing key's certificate, say.
    var identity: [UInt8] { get }

    /// What evidence that it vouches for rests on, and an operator can deny.
    var endorsers: [Endorser] { get }

    /// What it was made from, to be kept.
    var documents: [EndorsementDocument] { get }

    /// Whether no other can say more of evidence which this one does not prove, such as the one key of a chip.
    func settles(at time: Date, denying denies: DenyList?) -> Bool
}

/// What evidence answers: all of it that is not in the evidence.
public struct Exchange: Sendable {
    /// What challenge and key amount to, as the dialect has it. `nil` only where there was no challenge.
    public var reportData: [UInt8]?
    /// The digest of the guest's init data. `nil` where there are none.
    public var initData: [UInt8]?
    /// Whether evidence counts as genuine behind which there is no hardware.
    public var takesSamples = false
    /// What operators have denied; `nil` where there is no such list.
    public var denies: DenyList?
    /// When endorsements must be valid.
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
    /// The technology itself.
    public var technology: any Attestation.Type {
        switch self {
        case .snp: SNPEvidence.self
        case .sample: SampleEvidence.self
        }
    }
}

extension Attestation {
    /// Whether all that it lacks is an endorsement: it answers the challenge, in a form that is known.
    ///
    /// - Parameter verdict: one without an endorsement. It says nothing about genuineness.
    public static func isWorthProving(_ verdict: Verdict) -> Bool {
        verdict.failures.allSatisfy { !decisive.contains($0.name) }
    }
}

/// Of evidence that nobody vouches for: there is none.
public enum NoEndorsement: Endorsing {
    public var isGenuine: Bool { switch self {} }
    public var identity: [UInt8] { switch self {} }
    public var endorsers: [Endorser] { switch self {} }
    public var documents: [EndorsementDocument] { switch self {} }
    public func settles(at time: Date, denying denies: DenyList?) -> Bool { switch self {} }
}
