import Bytes
import Concurrency
public import Evidence
public import FoundationEssentials

/// Fills the cache: imports an operator's documents, fetches those that guests will need, and renews those that end
/// soon. Only documents that lead to a pinned root are kept.
package struct EndorsementKeeper: Sendable {
    private let source: any EndorsementSource
    private let store: any EndorsementStore
    private let anchors: Anchors
    private let technologies: [any Attestation.Type]
    /// The time of the next request for a document that ends soon.
    private let postponed = BoundedCache<EndorsementName, Date>(capacity: 4_096)
    private let denyList: @Sendable () async throws -> DenyList

    package init(
        source: any EndorsementSource, store: any EndorsementStore & DenialStore, anchors: Anchors,
        technologies: [any Attestation.Type] = GuestTEE.allCases.map(\.technology)
    ) {
        (self.source, self.anchors, self.technologies) = (source, anchors, technologies)
        (self.store, denyList) = (store, { try await store.denyList() })
    }

    /// Keeps an operator's genuine documents.
    package func take(
        _ documents: [EndorsementDocument], at time: Date
    ) async throws -> (kept: [EndorsementName], refused: [(EndorsementName, DocumentRefusal)]) {
        let trust = try await trust(at: time)
        let given = Dictionary(grouping: documents, by: \.name)
        var (kept, refused) = (Set<EndorsementDocument>(), [(EndorsementName, DocumentRefusal)]())
        for document in documents {
            do {
                let technology = try technology(of: document.name)
                let names = technology.documents(of: document.name)
                let beside = try await names.flatMap { given[$0] ?? [] } + store.endorsements(named: names)
                let accepted = try technology.accept(document, beside: beside.endedLast(at: time), trust)
                try await store.keep(accepted.filter { !kept.contains($0) })
                kept.formUnion(accepted)
            } catch let refusal as DocumentRefusal {
                refused.append((document.name, refusal))
            }
        }
        return (kept.map(\.name).sorted { ExactText($0.text) < ExactText($1.text) }, refused)
    }

    /// Whether a usable document is at hand.
    package func has(_ name: EndorsementName, at time: Date) async throws -> Bool {
        try await end(of: name, try await trust(at: time)) != nil
    }

    /// Fetches a document and its missing issuers from the vendor, and keeps them.
    ///
    /// - Throws: ``EndorsementUnavailable``, or ``DocumentRefusal`` for an unusable or denied document.
    @discardableResult
    package func fetch(_ name: EndorsementName, at time: Date) async throws -> EndorsementDocument {
        let (technology, trust) = (try technology(of: name), try await trust(at: time))
        if let endorser = technology.endorser(of: name), trust.denies?(endorser) == true {
            throw DocumentRefusal.denied(endorser)
        }
        var pool = try await atHand(name, trust)
        let wanted = technology.wanted(for: name, having: pool, trust)
        for name in wanted.dropLast() {
            try await store.keep(source.fetch(name, technology, into: &pool, trust).judged.get())
        }
        let (document, judged) = try await source.fetch(
            name, technology, into: &pool, trust, retryingWithIssuers: wanted.count == 1)
        try await store.keep(judged.get())
        return document
    }

    // MARK: Renewal

    /// The time before its end in which a document is renewed.
    package static let horizon: TimeInterval = 14 * 86_400

    /// Renews the documents that end soon, one after the other, while the vendor answers or until the task is
    /// cancelled. The present ones stay in use.
    ///
    /// Rows of the database are untrusted: only a genuine document is requested again, and not repeatedly. Of servers
    /// that share a cache the first one does it.
    package func renew(at now: Date) async throws -> RenewalPass {
        let (trust, horizon) = (try await trust(at: now), now + Self.horizon)
        // Including those that ended lately, which are reported but not renewed.
        let ending = try await store.endingEndorsements(from: now - Self.horizon, to: horizon, limit: 1_024)
        var pass = RenewalPass(ending: ending.count)
        for name in ending where pass.asked < Self.mostAsked {
            if Task.isCancelled { break }
            if let time = postponed[name], now < time { continue }
            let end = try await end(of: name, trust)
            let rest = end?.timeIntervalSince(now) ?? .infinity
            postponed[name] = now + min(max(3_600, rest / 4), 86_400) * .random(in: 0.75...1.25)
            guard let end, end <= horizon else { continue }
            pass.asked += 1
            do {
                let renewed = try await fetch(name, at: now).goodUntil.map { $0 > end } ?? false
                if renewed { pass.renewed.append(name) } else { pass.fail(name, end, "there is no later one yet") }
            } catch let error as EndorsementUnavailable {
                pass.fail(name, end, "\(error)")
                if error.isOfVendor { break }
            } catch let refusal as DocumentRefusal {
                pass.fail(name, end, "\(refusal)")
            }
        }
        pass.ending -= pass.renewed.count
        return pass
    }

    /// The bound on requests in one pass.
    private static let mostAsked = 16

    // MARK: Documents

    private func technology(of name: EndorsementName) throws(DocumentRefusal) -> any Attestation.Type {
        guard let technology = technologies.first(where: { $0.issues(name) }) else { throw .misnamed }
        return technology
    }

    private func trust(at time: Date) async throws -> Trust { Trust(anchors, denying: try await denyList(), at: time) }

    /// The documents of a name, and possible issuers.
    private func atHand(_ name: EndorsementName, _ trust: Trust) async throws -> [EndorsementDocument] {
        try await source.documents(named: technology(of: name).documents(of: name)).endedLast(at: trust.time)
    }

    /// The end of the last usable document of a name; `nil` without one.
    private func end(of name: EndorsementName, _ trust: Trust) async throws -> Date? {
        guard let technology = try? technology(of: name) else { return nil }
        let pool = try await atHand(name, trust)
        return pool.filter { $0.name == name && (try? technology.accept($0, beside: pool, trust)) != nil }
            .map { $0.goodUntil ?? .distantFuture }.max()
    }
}

/// The result of a renewal.
public struct RenewalPass: Sendable {
    public internal(set) var renewed: [EndorsementName] = []
    public internal(set) var failed = 0
    /// The number of documents that still end soon.
    public internal(set) var ending: Int
    /// The first document that could not be renewed, with its end and the reason.
    public internal(set) var first: (name: EndorsementName, end: Date, reason: String)?
    var asked = 0

    init(ending: Int) { self.ending = ending }

    mutating func fail(_ name: EndorsementName, _ end: Date, _ reason: String) {
        failed += 1
        if first == nil { first = (name, end, reason) }
    }
}

extension [EndorsementDocument] {
    /// The documents that have ended come last: they explain a refusal, and do not displace valid ones.
    func endedLast(at time: Date) -> Self { filter { $0.holds(at: time) } + filter { !$0.holds(at: time) } }
}
