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
                    query: [.after("path"), Schemas.search, .limit]), ok: "A page."
            ) { request, admission in
                try await request.page(ResourceSummary.init, within: admission, .path, by: \.path.text) {
                    try await store.resources(after: $0, search: request.query["search"] ?? "", limit: $1)
                }
            },
            call(
                .get, one, .readResources, checksNames: true,
                Operation(
                    "readResource", "Read what there is to know of a resource", "Never what it holds."),
                ok: "The resource."
            ) { request, admission in try await resource(try request.resource(admission)) },
            call(
                .get, one + "/versions", .readResources, checksNames: true,
                Operation(
                    "listResourceVersions", "List the versions of a resource that are kept",
                    "Latest first, never what they hold."), ok: "All of them."
            ) { request, admission in
                let path = try request.resource(admission)
                // The versions first: a resource that is not there has none.
                let versions = try await store.versions(of: path)
                guard let resource = try await store.resource(path) else { throw Refusal.noResource(path) }
                return ResourceVersionList(
                    versions: versions.map {
                        ResourceVersionSummary($0, isCurrent: $0.number == resource.current.number)
                    })
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
                    failures: [.conflict]), replaced: "The next version.", new: "New."
            ) { request, admission in
                let path = try request.resource(admission)
                let choice: PolicyChoice? = try request.query["policy"]
                    .map { $0.isEmpty ? .none : .named(try admission.policy($0)) }
                var bytes = try await request.bytes()
                let done = try await broker.putResource(
                    path, Secret(wiping: &bytes), policy: choice, expecting: try request.resourceExpectation(),
                    by: admission.actor)
                return (ResourceSummary(done.resource), !done.replaced)
            },
            call(
                .post, one, .changeResources, checksNames: true,
                Operation(
                    "generateResource", "Make a secret that nobody has seen, and put it as a resource",
                    "Its bytes are random, and are not in the answer. Without If-Match there must be no such resource.",
                    headers: [.ifMatch], body: .json(Schema(of: GeneratedResource.self)), failures: [.conflict]),
                replaced: "The next version.", new: "New."
            ) { request, admission in
                let path = try request.resource(admission)
                let wish: GeneratedResource = try await request.message()
                let done = try await broker.generateResource(
                    path, bytes: wish.bytes ?? 32, isHex: wish.hex ?? false,
                    policy: try wish.policy.map { .named(try admission.policy($0)) }, boundTo: try wish.binding(),
                    expecting: try request.resourceExpectation() ?? Resource.Expectation.none, by: admission.actor)
                return (ResourceSummary(done.resource), !done.replaced)
            },
            call(
                .patch, one, .steerResources, checksNames: true,
                Operation(
                    "editResource", "Disable a resource, give it another policy or roll it back", headers: [.ifMatch],
                    body: .json(Schema(of: ResourceEdit.self))), ok: "The resource."
            ) { request, admission in
                let path = try request.resource(admission)
                let edit: ResourceEdit = try await request.message()
                try await self.edit(path, edit, expecting: try request.resourceExpectation(), admission)
                return try await resource(path)
            },
            call(
                .delete, one, .changeResources, checksNames: true,
                Operation(
                    "removeResource", "Remove a resource with all its versions", headers: [.ifMatch]), done: "Removed."
            ) { request, admission in
                try await broker.removeResource(
                    try request.resource(admission), expecting: try request.resourceExpectation(),
                    by: admission.actor)
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
}
