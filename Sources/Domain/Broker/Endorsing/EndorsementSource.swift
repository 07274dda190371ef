public import Evidence

/// A source of documents, which the broker verifies itself.
public protocol EndorsementSource: Sendable {
    /// Documents of these names that are at hand, and perhaps others.
    func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument]

    /// Fetches a document from the vendor.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    func fetch(_ name: EndorsementName) async throws -> EndorsementDocument

    /// Keeps verified documents beyond the process's end.
    func keep(_ documents: [EndorsementDocument]) async

    /// Called for an unusable document of the vendor, so that it is not requested again at once.
    func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal)

    /// Called with the extent of each look-up.
    func note(_ lookup: EndorsementLookup)
}

extension EndorsementSource {
    public func keep(_ documents: [EndorsementDocument]) async {}
    public func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) {}
    public func note(_ lookup: EndorsementLookup) {}
}

extension EndorsementSource {
    /// Fetches a document and judges it.
    ///
    /// - Parameters:
    ///   - pool: documents at hand, in front of which it is put.
    ///   - retries: whether to fetch its possible issuers too, if those at hand did not sign it: the vendor may have
    ///     new ones.
    /// - Returns: the document, and the documents to keep or the reason to keep none.
    func fetch(
        _ name: EndorsementName, _ technology: any Attestation.Type, into pool: inout [EndorsementDocument],
        _ trust: Trust, retryingWithIssuers retries: Bool = false
    ) async throws -> (document: EndorsementDocument, judged: Result<[EndorsementDocument], DocumentRefusal>) {
        let document = try await fetch(name)
        func judge() -> Result<[EndorsementDocument], DocumentRefusal> {
            Result { () throws(DocumentRefusal) in try technology.accept(document, beside: pool, trust) }
        }
        var judged = judge()
        if retries, case .failure(let refusal) = judged, [.unpinned, .incomplete].contains(refusal) {
            for issuer in technology.documents(of: name) where issuer != name {
                _ = try await fetch(issuer, technology, into: &pool, trust)
            }
            judged = judge()
        }
        if case .failure(let refusal) = judged { distrust(name, refusal) }
        pool.insert(document, at: 0)
        return (document, judged)
    }
}

/// The extent of the search for the certificate that settled a report.
public enum EndorsementLookup: String, Sendable, Hashable, CaseIterable {
    /// It was verified before and is in memory.
    case memory
    /// It is in the cache or the offline folder, or came with the guest.
    case atHand = "at_hand"
    /// It is missing: the vendor must be asked.
    case missed
}

/// Why a vendor's document is not available.
public struct EndorsementUnavailable: Error, Sendable, Hashable, CustomStringConvertible {
    /// Also shown to guests, whose sentence has room for 87 bytes.
    public let reason: String
    /// For the operator.
    public let detail: String?
    /// In seconds.
    public let retryAfter: Int?
    /// Whether it applies to all requests to the vendor now, not to this document alone.
    public let isOfVendor: Bool

    public init(_ reason: String, detail: String? = nil, retryAfter: Int? = nil, isOfVendor: Bool = false) {
        self.isOfVendor = isOfVendor
        self.reason = reason
        self.detail = detail
        self.retryAfter = retryAfter
    }

    public var description: String { detail.map { "\(reason): \($0)" } ?? reason }
}

/// A source without documents, for offline verification.
public struct NoEndorsements: EndorsementSource {
    public init() {}

    public func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] { [] }

    public func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        throw EndorsementUnavailable("there is no source of certificates")
    }
}
