import Concurrency
package import Evidence
package import FoundationEssentials

/// Holds SNP reports against their certificates, wherever those come from.
package struct Appraiser: Sendable {
    let anchors: SNPAnchors
    let source: any EndorsementSource
    /// `nil` where nothing is kept: then nothing is denied.
    private let denies: DenyList?
    /// Chains that were verified to the pin. More than one for a VLEK, which several clouds may have at one TCB.
    private let verified = BoundedCache<EndorsementIdentity, [AppraisedChain]>(capacity: 2_048)

    package init(anchors: SNPAnchors, source: any EndorsementSource, denying denies: DenyList? = nil) {
        self.anchors = anchors
        self.source = source
        self.denies = denies
    }

    /// What came of it.
    package struct Result {
        package let verdict: Verdict
        /// What the report was held against, when there was a chain that settled the matter.
        package var chain: AppraisedChain? = nil
        /// Set when no certificate could be had, for lack of which the verdict is what it is.
        package let missing: EndorsementUnavailable?
    }

    /// Evaluates a report.
    ///
    /// - Parameters:
    ///   - offered: certificates that came with the report. They are looked at when no chain that is known settles it.
    ///   - evenIfHopeless: whether to look for certificates for a report that will be refused whoever signed it.
    ///     A stranger can make up any number of those, so a server does not.
    ///   - asksVendor: whether a certificate that is not at hand is fetched.
    package func appraise(
        _ report: AttestationReport, offered: @autoclosure () -> [Certificate],
        expecting expectations: SNPExpectations, at time: Date, evenIfHopeless: Bool = false,
        asksVendor: (_ products: [Product]) async throws -> Bool = { _ in true }
    ) async throws -> Result {
        let candidates = Self.products(of: report, hint: expectations.binding.generation)
            .compactMap { EndorsementIdentity(claimedBy: report, product: $0) }
        var trial = Trial(report: report, expectations: expectations, denies: denies, time: time)

        for identity in candidates where trial.isOpen { trial.hold(against: verified[identity] ?? []) }
        if let settled = trial.settled {
            source.note(.memory)
            return Result(verdict: settled, chain: trial.chain, missing: nil)
        }
        let unproven = trial.unproven()
        guard evenIfHopeless || unproven.isWorthProving else {
            return Result(verdict: trial.best ?? unproven, missing: nil)
        }

        let offered = offered()
        // All that is at hand first, for every product that it may be, before anyone is asked.
        var pools: [EndorsementIdentity: [Certificate]] = [:]
        for identity in candidates where trial.isOpen {
            let names = [AMDDocument.key(identity), .authority(identity.product, identity.kind)].map(\.name)
            let certificates = try await source.documents(named: names).flatMap(\.certificates) + offered
            pools[identity] = certificates
            trial.hold(against: await chains(for: identity, among: certificates))
        }
        if !candidates.isEmpty { source.note(trial.isOpen ? .missed : .atHand) }
        var missing: EndorsementUnavailable?
        var asks: Bool?
        for identity in candidates where trial.isOpen {
            do {
                if asks == nil { asks = try await asksVendor(candidates.map(\.product)) }
                guard asks == true else { throw Self.notAsked }
                try await ask(for: identity, have: pools[identity] ?? [], &trial)
            } catch let error as EndorsementUnavailable {
                missing = error
            }
        }
        if let settled = trial.settled { return Result(verdict: settled, chain: trial.chain, missing: nil) }
        if let best = trial.best { return Result(verdict: best, missing: nil) }
        return Result(verdict: trial.unproven(in: Self.keys(among: offered)), missing: missing)
    }

    /// The products that may have made the report, likeliest first.
    private static func products(of report: AttestationReport, hint: Product?) -> [Product] {
        if let product = report.product { return [product] }
        // Only Milan and Genoa ever made version 2 reports, which do not name the product.
        guard report.version == 2 else { return [] }
        return [.milan, .genoa].sorted { first, _ in first == hint }
    }

    /// Verifies every chain for the identity, and remembers those that end in the pin.
    private func chains(for identity: EndorsementIdentity, among certificates: [Certificate]) async -> [AppraisedChain]
    {
        var appraised: [AppraisedChain] = []
        for key in Self.keys(identity, among: certificates) {
            guard let chain = EndorsementChain(key: key, among: certificates) else { continue }
            appraised.append(AppraisedChain(chain, anchors: anchors))
        }
        let genuine = appraised.filter(\.isGenuine)
        guard !genuine.isEmpty else { return appraised }
        for chain in genuine where !chain.keys.contains(where: isDenied) { await source.keep(chain.chain.documents) }
        let known = (verified[identity] ?? []).filter { old in
            !genuine.contains { $0.chain.key.certificate == old.chain.key.certificate }
        }
        verified[identity] = Array((genuine + known).prefix(Self.mostRemembered))
        return genuine
    }

    private func isDenied(_ endorser: Endorser) -> Bool { denies?(endorser) ?? false }

    /// Those with that identity, each once.
    private static func keys(_ identity: EndorsementIdentity, among certificates: [Certificate]) -> [EndorsementKey] {
        keys(among: certificates).filter { EndorsementIdentity(of: $0) == identity }
    }

    /// VCEKs and VLEKs, each once.
    private static func keys(among certificates: [Certificate]) -> [EndorsementKey] {
        var seen: Set<[UInt8]> = []
        return certificates.compactMap { certificate in
            (try? EndorsementKey(certificate)).flatMap { seen.insert(certificate.der).inserted ? $0 : nil }
        }
    }

    /// Gets from the vendor what is missing: the authorities, if none at hand are genuine, and then the key, if
    /// none at hand settles the matter with them.
    private func ask(
        for identity: EndorsementIdentity, have certificates: [Certificate], _ trial: inout Trial
    ) async throws {
        var pool = certificates
        let authorities = anchors.authorities(among: certificates)
        func isWanted(_ found: SNPAnchors.Authority) -> Bool {
            found.product == identity.product && found.kind == identity.kind && !found.isDenied(by: isDenied)
        }
        // Nobody gives a VLEK away: without one, what is above it proves nothing.
        let isWorthIt = identity.kind == .vcek || !Self.keys(identity, among: certificates).isEmpty
        if isWorthIt, !authorities.contains(where: isWanted) {
            let name = AMDDocument.authority(identity.product, identity.kind).name
            pool = try await source.fetch(name).certificates + certificates
            // Whatever becomes of the key: anyone can say that there is one.
            if let authority = anchors.authorities(among: pool).first(where: isWanted) {
                await source.keep([authority.document])
            } else {
                source.distrust(name)
            }
            trial.hold(against: await chains(for: identity, among: pool))
        }
        guard trial.isOpen else { return }
        let key = try await source.fetch(AMDDocument.key(identity).name)
        pool = key.certificates + pool
        let found = await chains(for: identity, among: pool)
        if !found.contains(where: { $0.isGenuine && $0.chain.key.certificate.der == key.bytes }) {
            source.distrust(key.name)
        }
        trial.hold(against: found)
    }

    private static let notAsked = EndorsementUnavailable(
        "AMD is not asked: no policy or reference value here would let it in")

    /// Of the VLEKs that clouds have at one TCB: each costs a verification until the right one is found.
    private static let mostRemembered = 16
}

/// One report, held against one chain after another until it is clear what it is.
private struct Trial {
    let report: AttestationReport
    let expectations: SNPExpectations
    let denies: DenyList?
    let time: Date
    private(set) var settled: Verdict?
    /// The one that settled it.
    private(set) var chain: AppraisedChain?
    /// The first verdict with a certificate that did not settle it.
    private(set) var best: Verdict?

    init(report: AttestationReport, expectations: SNPExpectations, denies: DenyList?, time: Date) {
        self.report = report
        self.expectations = expectations
        self.denies = denies
        self.time = time
    }

    var isOpen: Bool { settled == nil }

    /// What can be said without a certificate.
    ///
    /// - Parameter offered: keys none of which fits.
    func unproven(in offered: [EndorsementKey] = []) -> Verdict {
        SNPVerifier.verify(
            report, endorsement: nil, offered: offered, expecting: expectations, denying: denies, at: time)
    }

    mutating func hold(against chains: [AppraisedChain]) {
        for chain in chains where isOpen {
            let verdict = SNPVerifier.verify(
                report, endorsement: chain, expecting: expectations, denying: denies, at: time)
            // A chip has one key for a TCB: once its certificate is known no other can say more, unless an authority's
            // key was denied and AMD has certified the chip's under another since.
            if verdict.isGenuine
                || chain.chain.key.kind == .vcek && chain.isGenuine(at: time)
                    && !(denies.map(chain.isDeniedAboveKey) ?? false)
            {
                (settled, self.chain) = (verdict, chain)
            } else if best == nil {
                best = verdict
            }
        }
    }
}
