public import Broker
public import Evidence
import Tracing

/// All sources of documents: the cache, the offline folder and vendors.
public struct EndorsementLibrary: EndorsementSource {
    private let cache: any EndorsementStore
    private let folder: EndorsementFolder?
    private let vendors: [VendorService]
    private let report: @Sendable (EndorsementEvent) -> Void

    /// - Parameters:
    ///   - vendors: empty for a server without access to vendors.
    ///   - report: called with each event.
    public init(
        cache: any EndorsementStore, folder: EndorsementFolder? = nil, asking vendors: [VendorService] = [],
        reportingTo report: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) {
        self.cache = cache
        self.folder = folder
        self.vendors = vendors
        self.report = report
    }

    public func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] {
        let kept = try await cache.endorsements(named: names)
        guard let folder else { return kept }
        return kept + names.flatMap { folder.documents(named: $0) }
    }

    public func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        do {
            guard let vendor = vendor(of: name) else {
                throw EndorsementUnavailable(
                    vendors.isEmpty
                        ? "this server does not ask AMD (endorsements.kds is empty)" : "no vendor publishes it")
            }
            let document = try await traced("kbs.endorsements.fetch", ofKind: .client) { _ in
                try await vendor.document(name)
            }
            report(.fetched(name))
            return document
        } catch let error as EndorsementUnavailable {
            report(.unavailable(name, error))
            throw error
        }
    }

    public func keep(_ documents: [EndorsementDocument]) async {
        do {
            try await cache.keep(documents)
        } catch {
            // The guest is proven nonetheless; the documents are found again next time.
            for document in documents.prefix(1) { report(.notKept(document.name, reason: "\(error)")) }
        }
    }

    public func distrust(_ name: EndorsementName, _ refusal: DocumentRefusal) {
        if let vendor = vendor(of: name) { report(.unavailable(name, vendor.distrust(name, refusal))) }
    }

    /// The vendor that publishes a document.
    private func vendor(of name: EndorsementName) -> VendorService? { vendors.first { $0.publishes(name) } }

    public func note(_ lookup: EndorsementLookup) { report(.lookedUp(lookup)) }
}

/// An event in the search for a document.
public enum EndorsementEvent: Sendable {
    case fetched(EndorsementName)
    case unavailable(EndorsementName, EndorsementUnavailable)
    case notKept(EndorsementName, reason: String)
    case lookedUp(EndorsementLookup)
    case renewed(RenewalPass)
}
