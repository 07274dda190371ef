public import Broker
import Evidence
public import FoundationEssentials

extension LocalAdministrator {
    private var library: PolicyLibrary { PolicyLibrary(store, now: now) }

    // MARK: Policies

    /// The name of a policy, or of reference values, if it may be named.
    private func named(_ name: String) throws(Refusal) -> PolicyName {
        let name = try PolicyName(name)
        try reach.check(name)
        return name
    }

    public func policies(after name: String, limit: Int) async throws -> PolicyPage {
        let (page, next) = try await reach.page(
            after: name, limit: limit + 1, of: .policy, named: \.policy.name.text
        ) { try await library.policies(after: $0, limit: $1) }.page(limit)
        var summaries: [PolicySummary] = []
        for stored in page { summaries.append(try await summary(of: stored)) }
        return PolicyPage(policies: summaries, next: next?.policy.name.text)
    }

    public func policy(_ name: String) async throws -> PolicySummary {
        try await summary(of: library.policy(try named(name)))
    }

    public func setPolicy(_ name: String, document: String) async throws -> PolicySummary {
        try await setPolicy(name, document: document, expecting: nil).policy
    }

    /// - Returns: the policy as it was set, and whether it replaced one.
    func setPolicy(
        _ name: String, document: String, expecting expected: Revision.Expectation?
    ) async throws -> (policy: PolicySummary, replaced: Bool) {
        let policy = try Policy(toml: document, name: try named(name))
        try reach.check(policy)
        let done = try await library.set(policy, document: document, expecting: expected, by: actor)
        return (try await summary(of: done.stored), done.replaced)
    }

    public func removePolicy(_ name: String) async throws { try await removePolicy(name, expecting: nil) }

    func removePolicy(_ name: String, expecting expected: Revision.Expectation?) async throws {
        try await library.removePolicy(try named(name), expecting: expected, by: actor)
    }

    func appraise(_ evidence: RecordedEvidence, against tested: TestedPolicy) async throws -> VerdictRecord {
        let (policy, isKept): (Policy, Bool) =
            switch tested {
            case .named(let name): (try await library.policy(try named(name)).policy, true)
            case .document(let text): (try Policy(toml: text, name: try PolicyName("draft")), false)
            }
        if !isKept { try reach.check(policy) }
        return VerdictRecord(
            try await broker.appraise(
                recorded: evidence.evidence, initData: evidence.initData, boundTo: evidence.reportData,
                against: policy, library.references(of: policy), isKept: isKept, by: actor))
    }

    public func impact(_ draft: ImpactDraft, span: TimeInterval) async throws -> ImpactSummary {
        let since = now().addingTimeInterval(-span)
        return ImpactSummary(try await broker.impact(of: try await read(draft), since: since), since: since)
    }

    public func fleet(span: TimeInterval, under floors: String?) async throws -> FleetSummary {
        let since = now().addingTimeInterval(-span)
        return FleetSummary(try await broker.fleet(since: since, under: floors), since: since)
    }

    private func read(_ draft: ImpactDraft) async throws -> PolicyDraft {
        switch draft {
        case .settings(let values): return .server(try drafting(values))
        case .policy(let document, let name):
            let name = try name.map { try PolicyName($0) }
            let policy = try Policy(toml: document, name: try name ?? PolicyName("draft"))
            try policy.check()
            let replaced: PolicyInForce? = if let name { try await store.policyInForce(name) } else { nil }
            return .policy(policy, references: try await library.references(of: policy), replacing: replaced)
        }
    }

    private func summary(of stored: StoredPolicy) async throws -> PolicySummary {
        PolicySummary(stored, try await library.references(of: stored.policy), at: now())
    }

    // MARK: Reference values

    private func summary(_ stored: StoredReferenceValues) -> ReferenceValuesSummary {
        ReferenceValuesSummary(stored, at: now())
    }

    public func referenceValues(after name: String, limit: Int) async throws -> ReferenceValuesPage {
        let (page, next) = try await reach.page(
            after: name, limit: limit + 1, of: .policy, named: \.set.name.text
        ) { try await library.references(after: $0, limit: $1) }.page(limit)
        return ReferenceValuesPage(referenceValues: page.map(summary), next: next?.set.name.text)
    }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        summary(try await library.references(try named(name)))
    }

    public func setReferenceValues(
        _ set: ReferenceValueSet, keeping: TimeInterval?
    ) async throws -> ReferenceValuesSummary {
        try await setReferenceValues(set, keeping: keeping, expecting: nil).values
    }

    /// - Returns: the set as it was set, and whether it replaced one.
    func setReferenceValues(
        _ set: ReferenceValueSet, keeping: TimeInterval?, expecting expected: Revision.Expectation?
    ) async throws -> (values: ReferenceValuesSummary, replaced: Bool) {
        try reach.check(set.name)
        let done = try await library.set(set, keeping: keeping, expecting: expected, by: actor)
        return (summary(done.stored), done.replaced)
    }

    public func addReferenceValues(
        _ addition: ReferenceAddition, to name: String
    ) async throws -> ReferenceValuesSummary {
        try await addReferenceValues(addition, to: name, expecting: nil).values
    }

    /// - Returns: the set as it is now, and whether it was there before.
    func addReferenceValues(
        _ addition: ReferenceAddition, to name: String, expecting expected: Revision.Expectation?
    ) async throws -> (values: ReferenceValuesSummary, replaced: Bool) {
        let name = try named(name)
        let done: (stored: StoredReferenceValues, replaced: Bool)
        switch addition {
        case .values(let values, let kind):
            done = try await library.add(values, of: kind, to: name, expecting: expected, by: actor)
        case .attempt(let id, let kind, let text):
            // An attempt is anybody's.
            guard reach == .everything else {
                throw Refusal(
                    .forbidden,
                    "Attempts are read by who may read all of them, and you have a scope: give the value itself.")
            }
            guard let attempt = try await store.attempt(id) else { throw Refusal.noAttempt(id) }
            let value = try ReferenceValue(seenIn: attempt, as: kind)
            if let text, try kind.bytes(text) != value.bytes {
                throw Refusal(
                    .invalidField,
                    "Attempt \(id) shows the \(kind.rawValue) \(kind.text(value.bytes)) and not \(text.prefix(128)): look at "
                        + "it again.")
            }
            done = try await library.add(
                [value], of: kind, to: name, expecting: expected, details: ["attempt": "\(id)"], by: actor)
        }
        return (summary(done.stored), done.replaced)
    }

    public func retireReferenceValues(
        _ name: String, _ retirement: ReferenceRetirement
    ) async throws -> ReferenceValuesSummary {
        try await retireReferenceValues(name, retirement, expecting: nil)
    }

    func retireReferenceValues(
        _ name: String, _ retirement: ReferenceRetirement, expecting expected: Revision.Expectation?
    ) async throws -> ReferenceValuesSummary {
        summary(
            try await library.retire(
                try named(name), values: retirement.values, after: retirement.after,
                for: try retirement.supersededBy.map { try named($0) }, expecting: expected, by: actor))
    }

    public func referenceHistory(_ name: String, before version: String?, limit: Int) async throws
        -> ReferenceHistoryPage
    {
        let before = try version.map {
            guard let revision = Revision($0) else {
                throw Refusal(.invalidField, "before is a version of the set, a whole number.")
            }
            return revision
        }
        let (page, next) = try await library.history(of: try named(name), before: before, limit: limit + 1)
            .page(limit)
        return ReferenceHistoryPage(changes: page.map(ReferenceChangeSummary.init), next: next?.revision.description)
    }

    public func removeReferenceValues(_ name: String) async throws {
        try await removeReferenceValues(name, expecting: nil)
    }

    func removeReferenceValues(_ name: String, expecting expected: Revision.Expectation?) async throws {
        try await library.removeReferences(try named(name), expecting: expected, by: actor)
    }
}
