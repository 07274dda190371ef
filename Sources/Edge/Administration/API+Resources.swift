import Broker
import Bytes
import FoundationEssentials
import HTTP
import HTTPEdge

/// Resources: registrars put and remove them, admins say who gets what is there already. Nobody reads one back.
extension AdministrationAPI {
    var resources: [Call] {
        let one = "resources/:repository/:type/:tag"
        return [
            call(
                .get, "resources", .readResources, checksNames: true,
                Operation(
                    "listResources", "List the resources",
                    "In the order of their paths, a page at a time. Never what they hold.",
                    query: [.after("path"), Schemas.search, .limit], replies: [.ok("A page.", ResourcePage.self)])
            ) { request, administrator in
                Response(
                    json: try await administrator.resources(
                        after: request.query["after"] ?? "", search: request.query["search"] ?? "",
                        limit: try request.query.limit()))
            },
            call(
                .get, one, .readResources, checksNames: true,
                Operation(
                    "readResource", "Read what there is to know of a resource", "Never what it holds.",
                    replies: [.ok("The resource.", ResourceSummary.self, tagging: "resource")])
            ) { request, administrator in
                Response(resource: try await administrator.resource(try request.resourcePath()))
            },
            call(
                .get, one + "/versions", .readResources, checksNames: true,
                Operation(
                    "listResourceVersions", "List the versions of a resource that are kept",
                    "Latest first, never what they hold.", replies: [.ok("All of them.", ResourceVersionList.self)])
            ) { request, administrator in
                Response(json: try await administrator.versions(ofResource: try request.resourcePath()))
            },
            call(
                .put, one, .changeResources, checksNames: true,
                Operation(
                    "putResource", "Put the next version of a resource",
                    "It is given out from then on, to the guests whom the policy lets.",
                    query: [
                        .init(
                            "policy",
                            "The policy that decides who gets it; empty for none, which gives it to nobody. Without it, "
                                + "what is there stays.", .text(pattern: "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"))
                    ], headers: [.ifMatch, .ifNoneMatch], body: .bytes("The bytes, as they are to be given out."),
                    replies: [
                        .ok("The next version.", ResourceSummary.self, tagging: "resource"),
                        .created("New.", ResourceSummary.self, tagging: "resource", isPlaced: true),
                    ], failures: [.conflict])
            ) { request, administrator in
                let path = try request.resourcePath()
                let choice: PolicyChoice? = try request.query["policy"]
                    .map { $0.isEmpty ? .none : .named(try PolicyName($0)) }
                var bytes = try await request.bytes()
                let done = try await administrator.putResource(
                    path, Secret(wiping: &bytes), policy: choice, expecting: try request.resourceExpectation())
                return Response(resource: done.resource, status: done.replaced ? .ok : .created)
            },
            call(
                .post, one, .changeResources, checksNames: true,
                Operation(
                    "generateResource", "Make a secret that nobody has seen, and put it as a resource",
                    "Its bytes are random, and are not in the answer. Without If-Match there must be no such resource.",
                    headers: [.ifMatch], body: .json(GeneratedResource.schema),
                    replies: [
                        .ok("The next version.", ResourceSummary.self, tagging: "resource"),
                        .created("New.", ResourceSummary.self, tagging: "resource", isPlaced: true),
                    ], failures: [.conflict])
            ) { request, administrator in
                let wish = try GeneratedResource(body: try await request.jsonBody())
                let done = try await administrator.generateResource(
                    try request.resourcePath(), wish,
                    expecting: try request.resourceExpectation() ?? Resource.Expectation.none)
                return Response(resource: done.resource, status: done.replaced ? .ok : .created)
            },
            call(
                .patch, one, .steerResources, checksNames: true,
                Operation(
                    "editResource", "Disable a resource, give it another policy or roll it back", headers: [.ifMatch],
                    body: .json(ResourceEdit.schema),
                    replies: [.ok("The resource.", ResourceSummary.self, tagging: "resource")])
            ) { request, administrator in
                let edit = try ResourceEdit(body: try await request.jsonBody())
                return Response(
                    resource: try await administrator.editResource(
                        try request.resourcePath(), edit, expecting: try request.resourceExpectation()))
            },
            call(
                .delete, one, .changeResources, checksNames: true,
                Operation(
                    "removeResource", "Remove a resource with all its versions", headers: [.ifMatch],
                    replies: [.done("Removed.")])
            ) { request, administrator in
                try await administrator.removeResource(
                    try request.resourcePath(), expecting: try request.resourceExpectation())
                return Response(status: .noContent)
            },
        ]
    }
}

extension Request {
    /// The resource that the path names.
    fileprivate func resourcePath() throws(Refusal) -> ResourcePath {
        try ResourcePath(
            repository: try parameter("repository"), type: try parameter("type"), tag: try parameter("tag"))
    }

    fileprivate func resourceExpectation() throws(Refusal) -> Resource.Expectation? {
        switch try precondition({ Resource.Stamp($0) }) {
        case nil: nil
        case .any: .any
        case .absent: Resource.Expectation.none
        case .tag(let stamp): .stamp(stamp)
        }
    }
}

extension Response {
    fileprivate init(resource: ResourceSummary, status: HTTPResponse.Status = .ok) {
        self.init(json: resource, status: status)
        headers[.eTag] = "\"\(resource.version)\""
        if status == .created { headers[.location] = "/api/v1/resources/\(resource.path)" }
    }
}
