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
                    query: [.after("path"), Schemas.search, .limit], replies: [.ok("A page.", Page<ResourceSummary>.self)])
            ) { request, admission in
                try await request.page(ResourceSummary.init, next: \.path.text) {
                    try await admission.reach.page(
                        after: request.query["after"] ?? "", limit: $0, of: .path, named: \.path.text
                    ) { try await store.resources(after: $0, search: request.query["search"] ?? "", limit: $1) }
                }
            },
            call(
                .get, one, .readResources, checksNames: true,
                Operation(
                    "readResource", "Read what there is to know of a resource", "Never what it holds.",
                    replies: [.ok("The resource.", ResourceSummary.self, tagging: "resource")])
            ) { request, admission in
                Response(try await resource(try request.resource(admission)))
            },
            call(
                .get, one + "/versions", .readResources, checksNames: true,
                Operation(
                    "listResourceVersions", "List the versions of a resource that are kept",
                    "Latest first, never what they hold.", replies: [.ok("All of them.", ResourceVersionList.self)])
            ) { request, admission in
                let path = try request.resource(admission)
                // The versions first: a resource that is not there has none.
                let versions = try await store.versions(of: path)
                guard let resource = try await store.resource(path) else { throw Refusal.noResource(path) }
                return Response(
                    json: ResourceVersionList(
                        versions: versions.map {
                            ResourceVersionSummary($0, isCurrent: $0.number == resource.current.number)
                        }))
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
            ) { request, admission in
                let path = try request.resource(admission)
                let choice: PolicyChoice? = try request.query["policy"]
                    .map { $0.isEmpty ? .none : .named(try admission.policy($0)) }
                var bytes = try await request.bytes()
                let done = try await broker.putResource(
                    path, Secret(wiping: &bytes), policy: choice, expecting: try request.resourceExpectation(),
                    by: admission.actor)
                return Response(ResourceSummary(done.resource), isNew: !done.replaced)
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
            ) { request, admission in
                let path = try request.resource(admission)
                let wish = try GeneratedResource(body: try await request.jsonBody())
                try admission.reach.check(wish.policy)
                let done = try await broker.generateResource(
                    path, bytes: wish.bytes, isHex: wish.isHex, policy: wish.policy, boundTo: try wish.hostData(),
                    expecting: try request.resourceExpectation() ?? Resource.Expectation.none, by: admission.actor)
                return Response(ResourceSummary(done.resource), isNew: !done.replaced)
            },
            call(
                .patch, one, .steerResources, checksNames: true,
                Operation(
                    "editResource", "Disable a resource, give it another policy or roll it back", headers: [.ifMatch],
                    body: .json(ResourceEdit.schema),
                    replies: [.ok("The resource.", ResourceSummary.self, tagging: "resource")])
            ) { request, admission in
                let path = try request.resource(admission)
                let edit = try ResourceEdit(body: try await request.jsonBody())
                try await self.edit(path, edit, expecting: try request.resourceExpectation(), admission)
                return Response(try await resource(path))
            },
            call(
                .delete, one, .changeResources, checksNames: true,
                Operation(
                    "removeResource", "Remove a resource with all its versions", headers: [.ifMatch],
                    replies: [.done("Removed.")])
            ) { request, admission in
                try await broker.removeResource(
                    try request.resource(admission), expecting: try request.resourceExpectation(),
                    by: admission.actor)
                return .done
            },
        ]
    }

    private func resource(_ path: ResourcePath) async throws -> ResourceSummary {
        guard let resource = try await store.resource(path) else { throw Refusal.noResource(path) }
        return ResourceSummary(resource)
    }

    private func edit(
        _ path: ResourcePath, _ edit: ResourceEdit, expecting expected: Resource.Expectation?, _ admission: Admission
    ) async throws {
        switch edit {
        case .disabled(let isDisabled):
            try await broker.setDisabled(isDisabled, resource: path, expecting: expected, by: admission.actor)
        case .policy(let policy):
            try admission.reach.check(policy)
            try await broker.setPolicy(policy, ofResource: path, expecting: expected, by: admission.actor)
        case .current(let version):
            // Its policy comes back with it.
            if admission.reach != .everything {
                let kept = try await store.versions(of: path).first { $0.number == version }
                try admission.reach.check(kept?.policy.map { .named($0) })
            }
            try await broker.rollBackResource(path, to: version, expecting: expected, by: admission.actor)
        }
    }
}

extension Request {
    /// The resource that the path names, if whoever asks may name it.
    fileprivate func resource(_ admission: Admission) throws(Refusal) -> ResourcePath {
        let path = try ResourcePath(
            repository: try parameter("repository"), type: try parameter("type"), tag: try parameter("tag"))
        try admission.reach.check(path)
        return path
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
