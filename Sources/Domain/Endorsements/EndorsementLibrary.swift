public import Broker
public import Evidence
import Tracing

/// Every place that certificates come from, behind one door: what was kept, the offline folder,
/// and the vendor.
public struct EndorsementLibrary: EndorsementSource {
    private let cache: any CertificateStore
    private let folder: CertificateFolder?
    private let vendor: KeyDistributionService?
    private let report: @Sendable (EndorsementEvent) -> Void

    /// - Parameters:
    ///   - vendor: `nil` for a server that may not ask anyone.
    ///   - report: is told what an operator may want to know.
    public init(
        cache: any CertificateStore, folder: CertificateFolder? = nil, vendor: KeyDistributionService? = nil,
        reportingTo report: @escaping @Sendable (EndorsementEvent) -> Void = { _ in }
    ) {
        self.cache = cache
        self.folder = folder
        self.vendor = vendor
        self.report = report
    }

    public func certificates(for identity: EndorsementIdentity) async throws -> [Certificate] {
        let kept = try await cache.certificates(
            named: [identity.keyName, EndorsementIdentity.authorityName(identity.product, identity.kind)])
        guard let folder else { return kept }
        return kept + folder.keys(for: identity.kind, hardwareID: identity.hardwareID) + folder.authorities
    }

    public func fetchKey(_ identity: EndorsementIdentity) async throws -> Certificate {
        try await ask(for: .key(identity)) { try await $0.key(identity) }
    }

    public func fetchAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) async throws -> [Certificate] {
        try await ask(for: .authorities(product, kind)) { try await $0.authorities(product, kind) }
    }

    public func keep(_ chain: EndorsementChain) async {
        await keep(chain.named, as: .key(EndorsementIdentity(of: chain.key)))
    }

    public func keep(_ authority: SNPAnchors.Authority) async {
        await keep(authority.named, as: .authorities(authority.product, authority.kind))
    }

    private func keep(_ certificates: [NamedCertificate], as wanted: EndorsementEvent.Wanted) async {
        do {
            try await cache.keep(certificates)
        } catch {
            // The guest has been proven all the same; the certificate is found again next time.
            report(.notKept(wanted, reason: "\(error)"))
        }
    }

    public func distrustKey(_ identity: EndorsementIdentity) {
        if let error = vendor?.distrustKey(identity) { report(.unavailable(.key(identity), error)) }
    }

    public func distrustAuthorities(_ product: Product, _ kind: EndorsementKey.Kind) {
        if let error = vendor?.distrustAuthorities(product, kind) {
            report(.unavailable(.authorities(product, kind), error))
        }
    }

    public func note(_ lookup: EndorsementLookup) { report(.lookedUp(lookup)) }

    private func ask<T>(
        for wanted: EndorsementEvent.Wanted, _ body: (KeyDistributionService) async throws -> T
    ) async throws -> T {
        do {
            guard let vendor else {
                throw EndorsementUnavailable("this server does not ask AMD (endorsements.kds is empty)")
            }
            let value = try await traced("kbs.endorsements.fetch", ofKind: .client) { _ in try await body(vendor) }
            report(.fetched(wanted))
            return value
        } catch let error as EndorsementUnavailable {
            report(.unavailable(wanted, error))
            throw error
        }
    }
}

extension SNPAnchors.Authority {
    /// Both certificates, with the name that they are kept under. An ARK is above both kinds of keys, and is kept once for
    /// each.
    public var named: [NamedCertificate] {
        let name = EndorsementIdentity.authorityName(product, kind)
        return [intermediate, root].map { NamedCertificate(name: name, certificate: $0) }
    }
}

extension EndorsementChain {
    /// The chain's certificates, each with the name that it is kept under.
    public var named: [NamedCertificate] {
        let authority = EndorsementIdentity.authorityName(key.product, key.kind)
        return [
            NamedCertificate(name: EndorsementIdentity(of: key).keyName, certificate: key.certificate),
            NamedCertificate(name: authority, certificate: intermediate),
            // An ARK is above both kinds of keys, and is kept once for each.
            NamedCertificate(name: authority, certificate: root),
        ]
    }
}

/// What happened on the way to a certificate.
public enum EndorsementEvent: Sendable {
    public enum Wanted: Sendable, CustomStringConvertible {
        case key(EndorsementIdentity)
        case authorities(Product, EndorsementKey.Kind)

        public var description: String {
            switch self {
            case .key(let identity): identity.description
            case .authorities(let product, let kind): "the \(product.rawValue) \(kind.rawValue.uppercased()) chain"
            }
        }
    }

    case fetched(Wanted)
    case unavailable(Wanted, EndorsementUnavailable)
    case notKept(Wanted, reason: String)
    case lookedUp(EndorsementLookup)
}
