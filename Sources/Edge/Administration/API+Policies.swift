import Broker
import Bytes
import HTTP
import HTTPEdge

/// Policies and reference values: admins change them, the others read them.
extension AdministrationAPI {
    var policies: [Call] {
        let one = "policies/:policy"
        return [
            call(
                .get, "policies", .readPolicies,
                Operation(
                    "listPolicies", "List the policies", "In the order of their names, a page at a time.",
                    query: [.after("name"), .limit], replies: [.ok("A page.", PolicyPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.policies(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .get, one, .readPolicies,
                Operation(
                    "readPolicy", "Read a policy", replies: [.ok("The policy.", PolicySummary.self, tagging: "policy")])
            ) { request, administrator in
                Response(versioned: try await administrator.policy(try request.parameter("policy")))
            },
            call(
                .put, one, .changePolicies,
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
                .delete, one, .changePolicies,
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

    var referenceValues: [Call] {
        let one = "reference-values/:set"
        return [
            call(
                .get, "reference-values", .readPolicies,
                Operation(
                    "listReferenceValueSets", "List the sets of reference values",
                    "In the order of their names, a page at a time.", query: [.after("name"), .limit],
                    replies: [.ok("A page.", ReferenceValuesPage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.referenceValues(
                        after: request.query["after"] ?? "", limit: try request.query.limit()))
            },
            call(
                .get, one, .readPolicies,
                Operation(
                    "readReferenceValues", "Read a set of reference values",
                    replies: [.ok("The set.", ReferenceValuesSummary.self, tagging: "set")])
            ) { request, administrator in
                Response(versioned: try await administrator.referenceValues(try request.parameter("set")))
            },
            call(
                .put, one, .changePolicies,
                Operation(
                    "setReferenceValues", "Set a set of reference values",
                    "The policies that name it go by it from then on.", headers: [.ifMatch, .ifNoneMatch],
                    body: .json(ReferenceValuesMessage.schema),
                    replies: [
                        .ok("Replaced.", ReferenceValuesSummary.self, tagging: "set"),
                        .created("New.", ReferenceValuesSummary.self, tagging: "set"),
                    ])
            ) { request, administrator in
                let name = try PolicyName(try request.parameter("set"))
                let message = try ReferenceValuesMessage(body: try await request.jsonBody())
                let done = try await administrator.setReferenceValues(
                    try message.set(name), expecting: try request.revisionExpectation())
                return Response(versioned: done.values, status: done.replaced ? .ok : .created)
            },
            call(
                .delete, one, .changePolicies,
                Operation(
                    "removeReferenceValues", "Remove a set of reference values", "Not while something depends on it.",
                    headers: [.ifMatch], replies: [.done("Removed.")], failures: [.conflict])
            ) { request, administrator in
                try await administrator.removeReferenceValues(
                    try request.parameter("set"), expecting: try request.revisionExpectation())
                return Response(status: .noContent)
            },
        ]
    }
}

/// Something with an ETag.
private protocol Versioned: Encodable { var version: String { get } }

extension PolicySummary: Versioned {}
extension ReferenceValuesSummary: Versioned {}

extension Response {
    fileprivate init(versioned value: some Versioned, status: HTTPResponse.Status = .ok) {
        self.init(json: value, status: status)
        headers[.eTag] = "\"\(value.version)\""
    }
}

extension Request {
    fileprivate func revisionExpectation() throws(Refusal) -> Revision.Expectation? {
        switch try precondition({ Revision($0) }) {
        case nil: nil
        case .any: .any
        case .absent: Revision.Expectation.none
        case .tag(let revision): .revision(revision)
        }
    }
}
