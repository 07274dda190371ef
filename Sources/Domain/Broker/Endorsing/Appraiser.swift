import Concurrency
package import Evidence
import FoundationEssentials

/// Holds evidence against what vouches for it, wherever that comes from, and against what is acceptable.
package struct Appraiser: Sendable {
    let anchors: Anchors
    let source: any EndorsementSource
    /// `nil` where nothing is kept: then nothing is denied.
    private let denies: DenyList?
    /// What was verified to a pin, by signer. More than one for a VLEK, which several clouds may have at one TCB.
    private let verified = BoundedCache<EndorsementName, [any Endorsing]>(capacity: 2_048)

    package init(anchors: Anchors, source: any EndorsementSource, denying denies: DenyList? = nil) {
        self.anchors = anchors
        self.source = source
        self.denies = denies
    }

    /// What came of it.
    package struct Result {
        package let verdict: Verdict
        /// What the evidence states; proven if the verdict says that it is genuine.
        package let claims: Claims
        /// Set when no endorsement could be had, for lack of which the verdict is what it is.
        package let missing: EndorsementUnavailable?
    }

    /// Evaluates evidence.
    ///
    /// - Parameters:
    ///   - exchange: the deny list is filled in here.
    ///   - evenIfHopeless: whether to look for endorsements of evidence that will be refused whoever vouches for it.
    ///     A stranger can make up any amount of that, so a server does not.
    ///   - asksVendor: whether an endorsement that is not at hand is fetched.
    package func appraise<Proof: Attestation>(
        _ proof: Proof, _ exchange: Exchange, expecting expectations: Expectations, evenIfHopeless: Bool = false,
        asksVendor: () async throws -> Bool = { true }
    ) async throws -> Result {
        var exchange = exchange
        exchange.denies = denies
        var trial = ReportAppraisal(proof: proof, exchange: exchange, expectations: expectations)
        let signers = proof.signers

        for signer in signers where trial.isOpen {
            trial.hold(against: (verified[signer] ?? []).compactMap { $0 as? Proof.Endorsement })
        }
        if let settled = trial.settled {
            source.note(.memory)
            return settled
        }
        let unproven = trial.unproven()
        guard evenIfHopeless || Proof.isWorthProving(unproven.verdict) else { return trial.best ?? unproven }

        // All that is at hand first, for every signer that it may be, before anyone is asked.
        let offered = proof.offered
        var pools: [EndorsementName: [EndorsementDocument]] = [:]
        for signer in signers where trial.isOpen {
            let kept = try await source.documents(named: Proof.documents(of: signer))
            let documents = (kept + offered).endedLast(at: exchange.time)
            pools[signer] = documents
            let found = Proof.endorsements(of: signer, among: documents, anchors: anchors)
            await keep(self.documents(of: found), at: exchange.time)
            trial.hold(against: remember(found, of: signer))
        }
        if !signers.isEmpty { source.note(trial.isOpen ? .missed : .atHand) }
        var missing: EndorsementUnavailable?
        var asks: Bool?
        for signer in signers where trial.isOpen {
            do {
                if asks == nil { asks = try await asksVendor() }
                guard asks == true else { throw Self.notAsked }
                try await ask(for: signer, having: pools[signer] ?? [], &trial)
            } catch let error as EndorsementUnavailable {
                missing = error
            }
        }
        return trial.settled ?? trial.best ?? trial.unproven(explaining: true, missing)
    }

    /// Gets from the vendor what is missing, one document after the other, until the matter is settled.
    private func ask<Proof: Attestation>(
        for signer: EndorsementName, having documents: [EndorsementDocument], _ trial: inout ReportAppraisal<Proof>
    ) async throws {
        var pool = documents
        let trust = Trust(anchors, denying: denies, at: trial.exchange.time)
        for name in Proof.wanted(for: signer, having: documents, trust) where trial.isOpen {
            let fetched = try await source.fetch(name)
            var accepted: [EndorsementDocument] = []
            do throws(DocumentRefusal) {
                accepted = try Proof.accept(fetched, beside: pool, trust)
            } catch {
                source.distrust(name, error)
            }
            pool.insert(fetched, at: 0)
            let found = Proof.endorsements(of: signer, among: pool, anchors: anchors)
            await keep(accepted + self.documents(of: found), at: trust.time)
            trial.hold(against: remember(found, of: signer))
        }
    }

    /// What genuine endorsements were made from, and nobody denies.
    private func documents(of found: [some Endorsing]) -> [EndorsementDocument] {
        found.filter { $0.isGenuine && !$0.endorsers.contains { denies?($0) ?? false } }.flatMap(\.documents)
    }

    /// Keeps each once that has not ended.
    private func keep(_ documents: [EndorsementDocument], at time: Date) async {
        var seen: Set<EndorsementDocument> = []
        let documents = documents.filter { $0.holds(at: time) && seen.insert($0).inserted }
        if !documents.isEmpty { await source.keep(documents) }
    }

    /// Remembers those that are genuine.
    ///
    /// - Returns: them, or what there is to be said of the others.
    private func remember<Found: Endorsing>(_ found: [Found], of signer: EndorsementName) -> [Found] {
        let genuine = found.filter(\.isGenuine)
        guard !genuine.isEmpty else { return found }
        let known = (verified[signer] ?? []).filter { old in !genuine.contains { $0.identity == old.identity } }
        verified[signer] = Array((genuine + known).prefix(Self.mostRemembered))
        return genuine
    }

    static let notAsked = EndorsementUnavailable(
        "AMD is not asked: no policy or reference value here would let it in")

    /// Of the VLEKs that clouds have at one TCB: each costs a verification until the right one is found.
    private static let mostRemembered = 16
}

/// Evidence, held against one endorsement after another until it is clear what it is.
private struct ReportAppraisal<Proof: Attestation> {
    let proof: Proof
    let exchange: Exchange
    let expectations: Expectations
    private(set) var settled: Appraiser.Result?
    /// The first that did not settle it.
    private(set) var best: Appraiser.Result?

    var isOpen: Bool { settled == nil }

    /// What can be said without an endorsement.
    func unproven(explaining explains: Bool = false, _ missing: EndorsementUnavailable? = nil) -> Appraiser.Result {
        result(by: nil, explaining: explains, missing)
    }

    mutating func hold(against endorsements: [Proof.Endorsement]) {
        for endorsement in endorsements where isOpen {
            let result = result(by: endorsement)
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
