public import Evidence
public import FoundationEssentials

/// Where documents outlive the process: those that were verified, and those that an operator imported.
public protocol EndorsementStore: Sendable {
    /// In the order of the names, the latest of each first.
    func endorsements(named names: [EndorsementName]) async throws -> [EndorsementDocument]

    func keep(_ documents: [EndorsementDocument]) async throws

    /// In the order of their fingerprints, from the first one after `fingerprint`.
    func endorsements(after fingerprint: [UInt8], limit: Int) async throws -> [StoredEndorsement]

    /// Names whose last document ends in a span of time, the first to end first.
    func endingEndorsements(from start: Date, to end: Date, limit: Int) async throws -> [EndorsementName]

    /// The document with a fingerprint.
    func endorsement(_ fingerprint: [UInt8]) async throws -> StoredEndorsement?

    /// - Returns: whether there was one.
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
