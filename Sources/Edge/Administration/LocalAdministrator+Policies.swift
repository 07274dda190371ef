public import Broker
import Evidence
public import FoundationEssentials

extension LocalAdministrator {
    private var library: PolicyLibrary { PolicyLibrary(store, now: now) }

    // MARK: Policies

    public func policies(after name: String, limit: Int) async throws -> PolicyPage {
        let (page, next) = try await library.policies(after: name, limit: limit + 1).page(limit)
        var summaries: [PolicySummary] = []
        for stored in page { summaries.append(try await summary(of: stored)) }
        return PolicyPage(policies: summaries, next: next?.policy.name.text)
    }

    public func policy(_ name: String) async throws -> PolicySummary {
        try await summary(of: library.policy(try PolicyName(name)))
    }

    public func setPolicy(_ name: String, document: String) async throws -> PolicySummary {
        try await setPolicy(name, document: document, expecting: nil).policy
    }

    /// - Returns: the policy as it was set, and whether it replaced one.
    func setPolicy(
        _ name: String, document: String, expecting expected: Revision.Expectation?
    ) async throws -> (policy: PolicySummary, replaced: Bool) {
        let policy = try Policy(toml: document, name: try PolicyName(name))
        let done = try await library.set(policy, document: document, expecting: expected, by: actor)
        return (try await summary(of: done.stored), done.replaced)
    }

    public func removePolicy(_ name: String) async throws { try await removePolicy(name, expecting: nil) }

    func removePolicy(_ name: String, expecting expected: Revision.Expectation?) async throws {
        try await library.removePolicy(try PolicyName(name), expecting: expected, by: actor)
    }

    func appraise(_ evidence: RecordedEvidence, against tested: TestedPolicy) async throws -> VerdictRecord {
        let (policy, isKept): (Policy, Bool) =
            switch tested {
            case .named(let name): (try await library.policy(try PolicyName(name)).policy, true)
            case .document(let text): (try Policy(toml: text, name: try PolicyName("draft")), false)
            }
        return VerdictRecord(
            try await broker.appraise(
                recorded: evidence.evidence, initData: evidence.initData, boundTo: evidence.reportData,
                against: policy, library.references(of: policy), isKept: isKept, by: actor))
    }

    public func impact(_ draft: ImpactDraft, span: TimeInterval) async throws -> ImpactSummary {
        let since = now().addingTimeInterval(-span)
        return ImpactSummary(try await broker.impact(of: try await read(draft), since: since), since: since)
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

    public func referenceValues(after name: String, limit: Int) async throws -> ReferenceValuesPage {
        let (page, next) = try await library.references(after: name, limit: limit + 1).page(limit)
        return ReferenceValuesPage(
            referenceValues: page.map(ReferenceValuesSummary.init), next: next?.set.name.text)
    }

    public func referenceValues(_ name: String) async throws -> ReferenceValuesSummary {
        ReferenceValuesSummary(try await library.references(try PolicyName(name)))
    }

    public func setReferenceValues(_ set: ReferenceValueSet) async throws -> ReferenceValuesSummary {
        try await setReferenceValues(set, expecting: nil).values
    }

    /// - Returns: the set as it was set, and whether it replaced one.
    func setReferenceValues(
        _ set: ReferenceValueSet, expecting expected: Revision.Expectation?
    ) async throws -> (values: ReferenceValuesSummary, replaced: Bool) {
        let done = try await library.set(set, expecting: expected, by: actor)
        return (ReferenceValuesSummary(done.stored), done.replaced)
    }

    public func removeReferenceValues(_ name: String) async throws {
        try await removeReferenceValues(name, expecting: nil)
    }

    func removeReferenceValues(_ name: String, expecting expected: Revision.Expectation?) async throws {
        try await library.removeReferences(try PolicyName(name), expecting: expected, by: actor)
    }
}
