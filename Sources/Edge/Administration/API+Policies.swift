import Broker
import Bytes
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
                    query: [.after("name"), .limit], replies: [.ok("A page.", PolicyPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.policies(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .get, one, .readPolicies, checksNames: true,
                Operation(
                    "readPolicy", "Read a policy", replies: [.ok("The policy.", PolicySummary.self, tagging: "policy")])
            ) { request, administrator in
                Response(versioned: try await administrator.policy(try request.parameter("policy")))
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
            ) { request, administrator in
                let message = try PolicyMessage(body: try await request.jsonBody())
                let done = try await administrator.setPolicy(
                    try request.parameter("policy"), document: message.document,
                    expecting: try request.revisionExpectation())
                return Response(versioned: done.policy, status: done.replaced ? .ok : .created)
            },
            call(
                .delete, one, .changePolicies, checksNames: true,
                Operation(
                    "removePolicy", "Remove a policy", "Not while something depends on it.", headers: [.ifMatch],
                    replies: [.done("Removed.")], failures: [.conflict])
            ) { request, administrator in
                try await administrator.removePolicy(
                    try request.parameter("policy"), expecting: try request.revisionExpectation())
                return Response(status: .noContent)
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
            ) { request, administrator in
                let message = try ImpactRequest(body: try await request.jsonBody())
                return Response(json: try await administrator.impact(message.draft, span: message.span))
            }
        ]
    }
}

/// Something with an ETag.
protocol Versioned: Encodable { var version: String { get } }

extension PolicySummary: Versioned {}
extension ReferenceValuesSummary: Versioned {}

extension Response {
    init(versioned value: some Versioned, status: HTTPResponse.Status = .ok) {
        self.init(json: value, status: status)
        headers[.eTag] = "\"\(value.version)\""
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
