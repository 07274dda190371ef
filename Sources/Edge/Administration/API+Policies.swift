import Broker
import Bytes
import Evidence
import FoundationEssentials
import HTTP
import HTTPEdge

/// Policies: admins change them, the others read them.
extension AdministrationAPI {
    var policies: [Call] {
        let one = "policies/:policy"
        return [
            call(
                .get, "policies", .readPolicies, checksNames: true,
                Operation(
                    "listPolicies", "List the policies", "In the order of their names, a page at a time.",
                    query: [.after("name"), .limit], replies: [.ok("A page.", Page<PolicySummary>.self)])
            ) { request, admission in
                try await request.page({ $0 }, next: \.name) {
                    try await admission.reach.page(
                        after: request.query["after"] ?? "", limit: $0, of: .policy, named: \.name
                    ) { try await summaries(after: $0, limit: $1) }
                }
            },
            call(
                .get, one, .readPolicies, checksNames: true,
                Operation(
                    "readPolicy", "Read a policy", replies: [.ok("The policy.", PolicySummary.self, tagging: "policy")])
            ) { request, admission in
                let name = try admission.policy(try request.parameter("policy"))
                return Response(try await summary(library.policy(name)))
            },
            call(
                .put, one, .changePolicies, checksNames: true,
                Operation(
                    "setPolicy", "Set a policy", "It decides over the resources that have it from then on.",
                    headers: [.ifMatch, .ifNoneMatch], body: .json(PolicyMessage.schema),
                    replies: [
                        .ok("Replaced.", PolicySummary.self, tagging: "policy"),
                        .created("New.", PolicySummary.self, tagging: "policy"),
                    ])
            ) { request, admission in
                let name = try admission.policy(try request.parameter("policy"))
                let message = try PolicyMessage(body: try await request.jsonBody())
                let policy = try Policy(toml: message.document, name: name)
                try admission.reach.check(policy)
                let done = try await library.set(
                    policy, document: message.document, expecting: try request.revisionExpectation(),
                    by: admission.actor)
                return Response(try await summary(done.stored), isNew: !done.replaced)
            },
            call(
                .delete, one, .changePolicies, checksNames: true,
                Operation(
                    "removePolicy", "Remove a policy", "Not while something depends on it.", headers: [.ifMatch],
                    replies: [.done("Removed.")], failures: [.conflict])
            ) { request, admission in
                try await library.removePolicy(
                    try admission.policy(try request.parameter("policy")),
                    expecting: try request.revisionExpectation(), by: admission.actor)
                return .done
            },
        ]
    }

    var impacts: [Call] {
        [
            call(
                .post, "impacts", .audit,
                Operation(
                    "impact", "Say what a change would mean for the guests that were seen",
                    "A policy, or settings of the server's, are held against the evidence that attempts have kept. Nothing is "
                        + "changed.", body: .json(ImpactRequest.schema),
                    replies: [.ok("Who loses what they have, and who gains.", ImpactSummary.self)])
            ) { request, _ in
                let message = try ImpactRequest(body: try await request.jsonBody())
                let since = now().addingTimeInterval(-message.span)
                let impact = try await broker.impact(of: try await draft(message.draft), since: since)
                return Response(json: ImpactSummary(impact, since: since))
            }
        ]
    }

    var library: PolicyLibrary { PolicyLibrary(store, now: now) }

    private func summary(_ stored: StoredPolicy) async throws -> PolicySummary {
        PolicySummary(stored, try await library.references(of: stored.policy), at: now())
    }

    private func summaries(after name: String, limit: Int) async throws -> [PolicySummary] {
        var summaries: [PolicySummary] = []
        for stored in try await library.policies(after: name, limit: limit) {
            summaries.append(try await summary(stored))
        }
        return summaries
    }

    private func draft(_ draft: ImpactDraft) async throws -> PolicyDraft {
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

    func appraise(
        _ evidence: RecordedEvidence, against tested: TestedPolicy, _ admission: Admission
    ) async throws -> Verdict {
        let (policy, isKept): (Policy, Bool) =
            switch tested {
            case .named(let name): (try await library.policy(try admission.policy(name)).policy, true)
            case .document(let text): (try Policy(toml: text, name: try PolicyName("draft")), false)
            }
        if !isKept { try admission.reach.check(policy) }
        return try await broker.appraise(
            recorded: evidence.evidence, initData: evidence.initData, boundTo: evidence.reportData, against: policy,
            library.references(of: policy), isKept: isKept, by: admission.actor)
    }
}

extension Request {
    func revisionExpectation() throws(Refusal) -> Revision.Expectation? {
        switch try precondition({ Revision($0) }) {
        case nil: nil
        case .any: .any
        case .absent: Revision.Expectation.none
        case .tag(let revision): .revision(revision)
        }
    }
}
