import Crypto
public import FoundationEssentials

/// A vendor's statement about its hardware with an end of validity: a certificate, a revocation list, or a list of good
/// firmware. It is untrusted, wherever it was stored: a technology verifies it against its pins each time it is read.
///
/// See docs/decisions/0016-endorsements-are-documents.md.
public struct EndorsementDocument: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// X.509, DER.
        case certificate
        /// A CRL, DER.
        case revocations
        /// Signed bytes of another form.
        case statement
    }

    public let name: EndorsementName
    public let kind: Kind
    public let bytes: [UInt8]
    /// The issuers' certificates, DER, the nearest first; empty where they are documents of their own.
    public let issuers: [[UInt8]]
    /// The end of validity in whole seconds; `nil` if there is none. For certificates, their own; for other documents,
    /// when to fetch them again: the end of their proof is part of what is signed.
    public let goodUntil: Date?
    /// The document and its issuers, as far as they are certificates, parsed once. One that cannot be parsed is left
    /// out.
    public let certificates: [Certificate]

    public init(
        name: EndorsementName, kind: Kind, bytes: [UInt8], issuers: [[UInt8]] = [], goodUntil: Date? = nil
    ) {
        let read = ((kind == .certificate ? [bytes] : []) + issuers).compactMap { try? Certificate(der: $0) }
        self.init(name, kind, bytes, issuers, read, goodUntil)
    }

    /// A certificate with the issuers that are stored with it.
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

    /// SHA-256, 32 bytes.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: bytes)) }

    public func holds(at time: Date) -> Bool { goodUntil.map { time <= $0 } ?? true }
}

/// The inputs of a document's verification.
public struct Trust: Sendable {
    public var anchors: Anchors
    /// The deny list; `nil` without one.
    public var denies: DenyList?
    public var time: Date

    public init(_ anchors: Anchors, denying denies: DenyList?, at time: Date) {
        (self.anchors, self.denies, self.time) = (anchors, denies, time)
    }

    func denied(among endorsers: [Endorser]) -> Endorser? { denies.flatMap { endorsers.first(where: $0) } }
}

/// Why a document is refused.
public enum DocumentRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The document is not the one that its name states.
    case misnamed
    /// The documents that endorse it are missing.
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
