import Broker
import Bytes
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
                    query: [.after("name"), .limit]), ok: "A page."
            ) { request, admission in
                let (found, last) = try await request.rows(within: admission, .policy, by: \.policy.name.text) {
                    try await library.policies(after: $0, limit: $1)
                }
                var policies: [PolicySummary] = []
                for stored in found { policies.append(try await summary(stored)) }
                return Page(policies, next: last?.policy.name.text)
            },
            call(
                .get, one, .readPolicies, checksNames: true,
                Operation("readPolicy", "Read a policy"), ok: "The policy."
            ) { request, admission in
                let name = try admission.policy(try request.parameter("policy"))
                return try await summary(library.policy(name))
            },
            call(
                .put, one, .changePolicies, checksNames: true,
                Operation(
                    "setPolicy", "Set a policy", "It applies at once to the resources and workloads that have it.",
                    headers: [.ifMatch, .ifNoneMatch], body: .json(Schema(of: NewPolicy.self))), replaced: "Replaced.",
                new: "New."
            ) { request, admission in
                let name = try admission.policy(try request.parameter("policy"))
                let message: NewPolicy = try await request.message()
                let policy = try Policy(toml: message.document, name: name)
                try admission.reach.check(policy)
                let done = try await library.set(
                    policy, document: message.document, expecting: try request.revisionExpectation(),
                    by: admission.actor)
                return (try await summary(done.stored), !done.replaced)
            },
            call(
                .delete, one, .changePolicies, checksNames: true,
                Operation(
                    "removePolicy", "Remove a policy", "Refused while a resource or workload has it.",
                    headers: [.ifMatch],
                    failures: [.conflict]), done: "Removed."
            ) { request, admission in
                try await library.removePolicy(
                    try admission.policy(try request.parameter("policy")),
                    expecting: try request.revisionExpectation(), by: admission.actor)
            },
        ]
    }

    var impacts: [Call] {
        [
            call(
                .post, "impacts", .audit,
                Operation(
                    "impact", "Show the impact of a change on the guests that were seen",
                    "A draft policy, a change of reference values, or settings of the server, are evaluated with the "
                        + "evidence of attempts. Nothing is changed.", body: .json(Schema(of: ImpactRequest.self)),
                    failures: [.notFound]),
                ok: "The guests that lose and that gain access."
            ) { request, _ in
                let message: ImpactRequest = try await request.message()
                let since = now().addingTimeInterval(-(try LookBack.checked(message.span ?? LookBack.impact)))
                let draft = try await draft(message)
                return ImpactSummary(try await broker.impact(of: draft, since: since), of: draft, since: since)
            }
        ]
    }

    var library: PolicyLibrary { PolicyLibrary(store, now: now) }

    private func summary(_ stored: StoredPolicy) async throws -> PolicySummary {
        PolicySummary(stored, try await library.references(of: stored.policy), at: now())
    }

    private func draft(_ message: ImpactRequest) async throws -> PolicyDraft {
        switch try message.draft() {
        case .policy(let document, let name):
            let policy = try Policy(toml: document, name: try name ?? PolicyName("draft"))
            try policy.check()
            let replaced: PolicyInForce? = if let name { try await store.policyInForce(name) } else { nil }
            return .policy(policy, references: try await library.references(of: policy), replacing: replaced)
        case .references(let name, let edit): return try await library.draft(edit, of: name)
        case .settings(let values): return .server(try drafting(values))
        }
    }
}
