public import Evidence
public import FoundationEssentials

/// The cache of verified and imported documents.
public protocol EndorsementStore: Sendable {
    /// Documents in the order of the names, the latest of each first.
    func endorsements(named names: [EndorsementName]) async throws -> [EndorsementDocument]

    func keep(_ documents: [EndorsementDocument]) async throws

    /// Documents in the order of their fingerprints, those after `fingerprint`.
    func endorsements(after fingerprint: [UInt8], limit: Int) async throws -> [StoredEndorsement]

    /// Names whose last document ends in a time span, the earliest end first.
    func endingEndorsements(from start: Date, to end: Date, limit: Int) async throws -> [EndorsementName]

    /// The document with a fingerprint.
    func endorsement(_ fingerprint: [UInt8]) async throws -> StoredEndorsement?

    /// - Returns: whether the document existed.
    func removeEndorsement(_ fingerprint: [UInt8], recording record: AuditRecord) async throws -> Bool
}

/// A document in the cache.
public struct StoredEndorsement: Sendable, Hashable {
    public let document: EndorsementDocument
    public let added: Date

    public init(_ document: EndorsementDocument, added: Date) {
        self.document = document
        self.added = added
    }
}
