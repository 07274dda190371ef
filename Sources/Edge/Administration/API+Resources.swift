import Broker
import Bytes
import FoundationEssentials
import HTTP
import HTTPEdge

/// Resources: registrars put and remove them, admins change the policies of existing ones. Their bytes cannot be read
/// back.
extension AdministrationAPI {
    var resources: [Call] {
        let one = "resources/:repository/:type/:tag"
        return [
            call(
                .get, "resources", .readResources, checksNames: true,
                Operation(
                    "listResources", "List the resources",
                    "In the order of their paths, a page at a time. Never their bytes.",
                    query: [.after("path"), Schemas.search, .limit]), ok: "A page."
            ) { request, admission in
                try await request.page(ResourceSummary.init, within: admission, .path, by: \.path.text) {
                    try await store.resources(after: $0, search: request.query["search"] ?? "", limit: $1)
                }
            },
            call(
                .get, one, .readResources, checksNames: true,
                Operation(
                    "readResource", "Read a resource's description", "Never its bytes."), ok: "The resource."
            ) { request, admission in try await resource(try request.resource(admission)) },
            call(
                .get, one + "/versions", .readResources, checksNames: true,
                Operation(
                    "listResourceVersions", "List the stored versions of a resource", "Latest first, never their bytes."
                ), ok: "All of them."
            ) { request, admission in
                let path = try request.resource(admission)
                // The versions first: a missing resource has none.
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
                    "It is released from then on, to guests that the policy accepts.",
                    query: [
                        .init(
                            "policy",
                            "The resource's policy; empty for none, without which it is not released. If omitted, the "
                                + "policy is unchanged.", .text(pattern: "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$"))
                    ], headers: [.ifMatch, .ifNoneMatch], body: .bytes("The bytes to release."),
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
                    "generateResource", "Put a random secret as a resource",
                    "Its bytes are not in the answer. Without If-Match the resource must not exist.",
                    headers: [.ifMatch], body: .json(Schema(of: GeneratedResource.self)), failures: [.conflict]),
                replaced: "The next version.", new: "New."
            ) { request, admission in
                let path = try request.resource(admission)
                let wish: GeneratedResource = try await request.message()
                let expected = try request.resourceExpectation()
                let done = try await broker.generateResource(
                    path, bytes: wish.bytes ?? 32, isHex: wish.hex ?? false,
                    policy: try wish.policy.map { .named(try admission.policy($0)) }, boundTo: try wish.binding(),
                    replacing: expected != nil, expecting: expected, by: admission.actor)
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
            // The version's policy becomes the resource's.
            if admission.reach != .everything {
                let kept = try await store.versions(of: path).first { $0.number == version }
                try admission.reach.check(kept?.policy.map { .named($0) })
            }
            try await broker.rollBackResource(path, to: version, expecting: expected, by: admission.actor)
        }
    }
}

extension Request {
    /// The resource in the path, within the caller's reach.
    fileprivate func resource(_ admission: Admission) throws(Refusal) -> ResourcePath {
        let path = try ResourcePath(
            repository: try parameter("repository"), type: try parameter("type"), tag: try parameter("tag"))
        try admission.reach.check(path)
        return path
    }
}
