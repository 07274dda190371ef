import Crypto
public import FoundationEssentials

/// What a vendor states of its hardware, and holds until some time: a certificate, a list of what was revoked, or which
/// firmware is good. It is bytes from outside, wherever it was kept: a technology verifies it against its pins each time
/// that it is read.
///
/// See docs/decisions/0016-endorsements-are-documents.md.
public struct EndorsementDocument: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// X.509, DER.
        case certificate
        /// A CRL, DER.
        case revocations
        /// Signed as its bytes stand.
        case statement
    }

    public let name: EndorsementName
    public let kind: Kind
    public let bytes: [UInt8]
    /// The certificates above whoever signed it, DER, the nearest first; none where they are documents of their own.
    public let issuers: [[UInt8]]
    /// In whole seconds; `nil` when it does not say. Of certificates their own word. Of others it says when to ask again, and
    /// until when they prove anything is in what is signed.
    public let goodUntil: Date?
    /// It and its issuers, as far as they are certificates: read once. A damaged one is as good as none: what is missing is
    /// found elsewhere, and verified anyway.
    public let certificates: [Certificate]

    public init(
        name: EndorsementName, kind: Kind, bytes: [UInt8], issuers: [[UInt8]] = [], goodUntil: Date? = nil
    ) {
        let read = ((kind == .certificate ? [bytes] : []) + issuers).compactMap { try? Certificate(der: $0) }
        self.init(name, kind, bytes, issuers, read, goodUntil)
    }

    /// A certificate, and those above it that nobody else needs.
    public init(_ certificate: Certificate, above: [Certificate] = [], named name: EndorsementName) {
        self.init(name, .certificate, certificate.der, above.map(\.der), [certificate] + above, nil)
    }

    private init(
        _ name: EndorsementName, _ kind: Kind, _ bytes: [UInt8], _ issuers: [[UInt8]], _ certificates: [Certificate],
        _ goodUntil: Date?
    ) {
        (self.name, self.kind, self.bytes, self.issuers) = (name, kind, bytes, issuers)
        self.certificates = certificates
        let stated = kind == .certificate ? [] : [goodUntil].compactMap { $0?.timeIntervalSince1970.rounded(.down) }
        let ends = stated.map { Date(timeIntervalSince1970: $0) } + certificates.map(\.notAfter)
        self.goodUntil = ends.min()
    }

    /// SHA-256 of its bytes, 32 bytes.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: bytes)) }

    /// Whether it has not ended.
    public func holds(at time: Date) -> Bool { goodUntil.map { time <= $0 } ?? true }
}

/// What documents are held against.
public struct Trust: Sendable {
    public var anchors: Anchors
    /// What operators have denied; `nil` where there is no such list.
    public var denies: DenyList?
    public var time: Date

    public init(_ anchors: Anchors, denying denies: DenyList?, at time: Date) {
        (self.anchors, self.denies, self.time) = (anchors, denies, time)
    }

    func denied(among endorsers: [Endorser]) -> Endorser? { denies.flatMap { endorsers.first(where: $0) } }
}

/// Why a document is not taken.
public enum DocumentRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// It is not what its name says.
    case misnamed
    /// What vouches for it is not there.
    case incomplete
    case unpinned
    case notYetValid(until: Date)
    case ended(Date)
    case denied(Endorser)

    public var description: String {
        switch self {
        case .misnamed: "it is no such document"
        case .incomplete: "the certificates above it are not there: put the product's chain beside it"
        case .unpinned: "it does not lead to a pinned root"
        case .notYetValid(let time):
            "it is valid from \(time.formatted(.iso8601)) on only: see that this machine's clock is right"
        case .ended(let time): "it ended on \(time.formatted(.iso8601))"
        case .denied(let endorser): "the \(endorser) is denied: `kbs endorsements denied` says why"
        }
    }
}
