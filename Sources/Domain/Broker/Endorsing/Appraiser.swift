import Concurrency
package import Evidence
import FoundationEssentials

/// Appraises evidence: finds its endorsements, and verifies it against them and against expectations.
package struct Appraiser: Sendable {
    let anchors: Anchors
    let source: any EndorsementSource
    /// `nil` without a database: then nothing is denied.
    private let denies: DenyList?
    /// Verified endorsements by signer. A VLEK may have several: clouds have different ones at the same TCB.
    private let verified = BoundedCache<EndorsementName, [any Endorsing]>(capacity: 2_048)

    package init(anchors: Anchors, source: any EndorsementSource, denying denies: DenyList? = nil) {
        self.anchors = anchors
        self.source = source
        self.denies = denies
    }

    package struct Result {
        package let verdict: Verdict
        /// The evidence's claims; proven if the verdict is genuine.
        package let claims: Claims
        /// Why no endorsement was found, if that decided the verdict.
        package let missing: EndorsementUnavailable?
    }

    /// Evaluates evidence.
    ///
    /// - Parameters:
    ///   - exchange: the deny list is filled in here.
    ///   - evenIfHopeless: whether to look for endorsements of evidence that will be refused in any case. A server does
    ///     not: strangers can make up any amount of such evidence.
    ///   - asksVendor: whether a missing endorsement is fetched.
    package func appraise<Proof: Attestation>(
        _ proof: Proof, _ exchange: Exchange, expecting expectations: Expectations, evenIfHopeless: Bool = false,
        asksVendor: () async throws -> Bool = { true }
    ) async throws -> Result {
        var exchange = exchange
        exchange.denies = denies
        var appraisal = ReportAppraisal(proof: proof, exchange: exchange, expectations: expectations)
        let signers = proof.signers

        for signer in signers where appraisal.isOpen {
            appraisal.verify(by: (verified[signer] ?? []).compactMap { $0 as? Proof.Endorsement })
        }
        if let settled = appraisal.settled {
            source.note(.memory)
            return settled
        }
        let unproven = appraisal.unproven()
        guard evenIfHopeless || Proof.isWorthProving(unproven.verdict) else { return appraisal.best ?? unproven }

        // Documents at hand for every possible signer come before any request.
        let offered = proof.offered
        var pools: [EndorsementName: [EndorsementDocument]] = [:]
        for signer in signers where appraisal.isOpen {
            let kept = try await source.documents(named: Proof.documents(of: signer))
            let documents = (kept + offered).endedLast(at: exchange.time)
            pools[signer] = documents
            let found = Proof.endorsements(of: signer, among: documents, anchors: anchors)
            appraisal.verify(by: remember(found, of: signer))
            await keep(appraisal.proving, at: exchange.time)
        }
        if !signers.isEmpty { source.note(appraisal.isOpen ? .missed : .atHand) }
        var missing: EndorsementUnavailable?
        var asks: Bool?
        for signer in signers where appraisal.isOpen {
            do {
                if asks == nil { asks = try await asksVendor() }
                guard asks == true else { throw Self.notAsked }
                try await ask(for: signer, having: pools[signer] ?? [], &appraisal)
            } catch let error as EndorsementUnavailable {
                missing = error
            }
        }
        return appraisal.settled ?? appraisal.best ?? appraisal.unproven(explaining: true, missing)
    }

    /// Fetches missing documents from the vendor, one after the other, until the appraisal is settled.
    private func ask<Proof: Attestation>(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ appraisal: inout ReportAppraisal<Proof>
    ) async throws {
        var pool = documents
        let trust = Trust(anchors, denying: denies, at: appraisal.exchange.time)
        let wanted = Proof.wanted(for: signer, having: documents, trust)
        for name in wanted where appraisal.isOpen {
            let (_, judged) = try await source.fetch(
                name, Proof.self, into: &pool, trust, retryingWithIssuers: wanted.count == 1)
            let found = Proof.endorsements(of: signer, among: pool, anchors: anchors)
            appraisal.verify(by: remember(found, of: signer))
            await keep(((try? judged.get()) ?? []) + appraisal.proving, at: trust.time)
        }
    }

    /// Keeps the documents that have not ended, each once.
    private func keep(_ documents: [EndorsementDocument], at time: Date) async {
        var seen: Set<EndorsementDocument> = []
        let documents = documents.filter { $0.holds(at: time) && seen.insert($0).inserted }
        if !documents.isEmpty { await source.keep(documents) }
    }

    /// Remembers the genuine endorsements.
    ///
    /// - Returns: the genuine endorsements; if there are none, the others, for their faults.
    private func remember<Found: Endorsing>(_ found: [Found], of signer: EndorsementName) -> [Found] {
        let genuine = found.filter(\.isGenuine)
        guard !genuine.isEmpty else { return found }
        let known = (verified[signer] ?? []).filter { old in !genuine.contains { $0.identity == old.identity } }
        verified[signer] = Array((genuine + known).prefix(Self.mostRemembered))
        return genuine
    }

    static let notAsked = EndorsementUnavailable(
        "AMD is not asked: no policy or reference value here would accept it")

    /// The bound on a signer's endorsements: each costs a verification until the right one is found.
    private static let mostRemembered = 16
}

/// The appraisal of one piece of evidence, by one endorsement after the other until one settles it.
private struct ReportAppraisal<Proof: Attestation> {
    let proof: Proof
    let exchange: Exchange
    let expectations: Expectations
    private(set) var settled: Appraiser.Result?
    /// The first result that did not settle it.
    private(set) var best: Appraiser.Result?
    /// The documents of the endorsement that proved the evidence; empty until one has. Only these are worth keeping of
    /// those that came with a guest: anyone can collect the certificates of other machines.
    private(set) var proving: [EndorsementDocument] = []

    var isOpen: Bool { settled == nil }

    /// The result without an endorsement.
    func unproven(explaining explains: Bool = false, _ missing: EndorsementUnavailable? = nil) -> Appraiser.Result {
        result(by: nil, explaining: explains, missing)
    }

    mutating func verify(by endorsements: [Proof.Endorsement]) {
        for endorsement in endorsements where isOpen {
            let result = result(by: endorsement)
            if result.verdict.isGenuine { proving = endorsement.documents }
            if result.verdict.isGenuine || endorsement.settles(at: exchange.time, denying: exchange.denies) {
                settled = result
            } else if best == nil {
                best = result
            }
        }
    }

    private func result(
        by endorsement: Proof.Endorsement?, explaining explains: Bool = false, _ missing: EndorsementUnavailable? = nil
    ) -> Appraiser.Result {
        let (verdict, claims) = proof.verify(by: endorsement, explaining: explains, exchange, expecting: expectations)
        return Appraiser.Result(verdict: verdict, claims: claims, missing: missing)
    }
}
