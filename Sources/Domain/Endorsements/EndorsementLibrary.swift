public import Broker
public import Evidence
import Tracing

/// Every place that documents come from, behind one door: what was kept, the offline folder,
/// and the vendor.
public struct EndorsementLibrary: EndorsementSource {
    private let cache: any EndorsementStore
    private let folder: CertificateFolder?
    private let vendor: KeyDistributionService?
    private let report: @Sendable (EndorsementEvent) -> Void

    /// - Parameters:
    ///   - vendor: `nil` for a server that may not ask anyone.
    ///   - report: is told what an operator may want to know.
    public init(
        cache: any EndorsementStore, folder: CertificateFolder? = nil, vendor: KeyDistributionService? = nil,
        reportingTo report: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) {
        self.cache = cache
        self.folder = folder
        self.vendor = vendor
        self.report = report
    }

    public func documents(named names: [EndorsementName]) async throws -> [EndorsementDocument] {
        let kept = try await cache.endorsements(named: names)
        guard let folder else { return kept }
        return kept + names.flatMap { folder.documents(named: $0) }
    }

    public func fetch(_ name: EndorsementName) async throws -> EndorsementDocument {
        do {
            guard let vendor else {
                throw EndorsementUnavailable("this server does not ask AMD (endorsements.kds is empty)")
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
            // The guest has been proven all the same; they are found again next time.
            for document in documents.prefix(1) { report(.notKept(document.name, reason: "\(error)")) }
        }
    }

    public func distrust(_ name: EndorsementName) {
        if let error = vendor?.distrust(name) { report(.unavailable(name, error)) }
    }

    public func note(_ lookup: EndorsementLookup) { report(.lookedUp(lookup)) }
}

/// What happened on the way to a document.
public enum EndorsementEvent: Sendable {
    case fetched(EndorsementName)
    case unavailable(EndorsementName, EndorsementUnavailable)
    case notKept(EndorsementName, reason: String)
    case lookedUp(EndorsementLookup)
}
