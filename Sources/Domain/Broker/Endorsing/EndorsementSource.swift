public import Evidence

/// Where documents come from. What a source returns is not believed: the broker verifies it.
public protocol EndorsementSource: Sendable {
    /// Documents of these names that are at hand without asking anyone, and perhaps others.
    func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument]

    /// Asks the vendor for what is not at hand.
    ///
    /// - Throws: ``EndorsementUnavailable``.
    func fetch(_ name: EndorsementName) async throws -> EndorsementDocument

    /// Keeps documents that were verified to their pin, for the next start.
    func keep(_ documents: [EndorsementDocument]) async

    /// Is told that what the vendor gave is not to be used, so that it is not asked for again at once.
    func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal)

    /// Is told how far each look-up had to go.
    func note(_ lookup: EndorsementLookup)
}

extension EndorsementSource {
    public func keep(_ documents: [EndorsementDocument]) async {}
    public func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) {}
    public func note(_ lookup: EndorsementLookup) {}
}

/// Why a vendor gave no document.
public struct EndorsementUnavailable: Error, Sendable, Hashable, CustomStringConvertible {
    /// For a guest too, in whose sentence there is room for 87 bytes.
    public let reason: String
    /// For the operator.
    public let detail: String?
    /// In seconds.
    public let retryAfter: Int?
    /// Whether it holds for whatever the vendor is asked now, and not for this document alone.
    public let isOfVendor: Bool

    public init(_ reason: String, detail: String? = nil, retryAfter: Int? = nil, isOfVendor: Bool = false) {
        self.isOfVendor = isOfVendor
        self.reason = reason
        self.detail = detail
        self.retryAfter = retryAfter
    }

    public var description: String { detail.map { "\(reason): \($0)" } ?? reason }
}

/// No documents from anywhere: for a broker that only registers.
public struct NoEndorsements: EndorsementSource {
    public init() {}

    public func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] { [] }

    public func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        throw EndorsementUnavailable("there is no source of certificates")
    }
}
