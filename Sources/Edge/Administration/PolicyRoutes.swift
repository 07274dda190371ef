import Broker
import Bytes
import Evidence
import FoundationEssentials
import HTTP
import HTTPEdge
import VirteeDialect

/// Policies and reference values: admins change them, the others read them.
extension AdministrationAPI {
    func addPolicies(to api: RouterGroup<Context>) {
        let calls = api.group("policies")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .readPolicies)
            let query = try Query(request, ["after", "limit"])
            return Response(
                json: try await administrator.policies(after: query["after"] ?? "", limit: try query.limit()))
        }
        calls.get(":name") { request, context in
            let administrator = try await admit(request, context, to: .readPolicies)
            return Response(versioned: try await administrator.policy(try request.name(after: "policies")))
        }
        calls.put(":name") { request, context in
            let administrator = try await admit(request, context, to: .changePolicies)
            let name = try request.name(after: "policies")
            let message = try PolicyMessage(body: try await request.jsonBody(upTo: longestBody))
            let done = try await administrator.setPolicy(
                name, document: message.document, expecting: try request.revisionExpectation())
            return Response(versioned: done.policy, status: done.replaced ? .ok : .created)
        }
        calls.delete(":name") { request, context in
            let administrator = try await admit(request, context, to: .changePolicies)
            try await administrator.removePolicy(
                try request.name(after: "policies"), expecting: try request.revisionExpectation())
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: ":name", than: [.get, .put, .delete])
    }

    func addReferenceValues(to api: RouterGroup<Context>) {
        let calls = api.group("reference-values")
        calls.get("") { request, context in
            let administrator = try await admit(request, context, to: .readPolicies)
            let query = try Query(request, ["after", "limit"])
            return Response(
                json: try await administrator.referenceValues(after: query["after"] ?? "", limit: try query.limit()))
        }
        calls.get(":name") { request, context in
            let administrator = try await admit(request, context, to: .readPolicies)
            return Response(
                versioned: try await administrator.referenceValues(try request.name(after: "reference-values")))
        }
        calls.put(":name") { request, context in
            let administrator = try await admit(request, context, to: .changePolicies)
            let name = try PolicyName(try request.name(after: "reference-values"))
            let message = try ReferenceValuesMessage(body: try await request.jsonBody(upTo: longestBody))
            let done = try await administrator.setReferenceValues(
                try message.set(name), expecting: try request.revisionExpectation())
            return Response(versioned: done.values, status: done.replaced ? .ok : .created)
        }
        calls.delete(":name") { request, context in
            let administrator = try await admit(request, context, to: .changePolicies)
            try await administrator.removeReferenceValues(
                try request.name(after: "reference-values"), expecting: try request.revisionExpectation())
            return Response(status: .noContent)
        }
        calls.refuseOtherMethods(on: "", than: [.get])
        calls.refuseOtherMethods(on: ":name", than: [.get, .put, .delete])
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
