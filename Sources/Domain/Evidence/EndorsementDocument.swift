import Crypto
public import FoundationEssentials

/// What a vendor states of its hardware, and holds until some time: a certificate; of other vendors also a list of what
/// was revoked, or which firmware is good. It is bytes from outside, wherever it was kept: a technology verifies it
/// against its pins each time that it is read.
///
/// See docs/decisions/0016-endorsements-are-documents.md.
public struct EndorsementDocument: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// X.509, DER.
        case certificate
    }

    public let name: EndorsementName
    public let kind: Kind
    public let bytes: [UInt8]
    /// The certificates above whoever signed it, DER, the nearest first; none where they are documents of their own.
    public let issuers: [[UInt8]]
    /// In whole seconds; `nil` when it does not say.
    public let goodUntil: Date?

    public init(
        name: EndorsementName, kind: Kind, bytes: [UInt8], issuers: [[UInt8]] = [], goodUntil: Date? = nil
    ) {
        self.name = name
        self.kind = kind
        self.bytes = bytes
        self.issuers = issuers
        self.goodUntil = goodUntil
    }

    /// SHA-256 of its bytes, 32 bytes.
    public var fingerprint: [UInt8] { Array(SHA256.hash(data: bytes)) }
}

extension EndorsementDocument {
    /// A certificate, and those above it that nobody else needs.
    public init(_ certificate: Certificate, above: [Certificate] = [], named name: EndorsementName) {
        self.init(
            name: name, kind: .certificate, bytes: certificate.der, issuers: above.map(\.der),
            goodUntil: ([certificate] + above).map(\.notAfter).min())
    }

    /// It and its issuers, as far as they are certificates. A damaged one is as good as none: what is missing is found
    /// elsewhere, and verified anyway.
    public var certificates: [Certificate] {
        ([bytes] + issuers).compactMap { try? Certificate(der: $0) }
    }
}
