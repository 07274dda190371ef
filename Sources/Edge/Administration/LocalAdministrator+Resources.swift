public import Broker
public import Bytes

extension LocalAdministrator {
    public func resources(after path: String, search: String, limit: Int) async throws -> ResourcePage {
        let (page, next) = try await reach.page(after: path, limit: limit + 1, of: .path, named: \.path.text) {
            try await store.resources(after: $0, search: search, limit: $1)
        }.page(limit)
        return ResourcePage(resources: page.map(ResourceSummary.init), next: next?.path.text)
    }

    public func resource(_ path: ResourcePath) async throws -> ResourceSummary {
        try reach.check(path)
        guard let resource = try await store.resource(path) else { throw Refusal.noResource(path) }
        return ResourceSummary(resource)
    }

    public func versions(ofResource path: ResourcePath) async throws -> ResourceVersionList {
        try reach.check(path)
        // The versions first: a resource that is not there has none.
        let versions = try await store.versions(of: path)
        guard let resource = try await store.resource(path) else { throw Refusal.noResource(path) }
        return ResourceVersionList(
            versions: versions.map {
                ResourceVersionSummary(
                    number: $0.number, size: $0.size, stored: $0.stored, current: $0.number == resource.current.number,
                    policy: $0.policy?.text, hostData: $0.binding.map { Hex.encode($0.bytes) })
            })
    }

    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, replacing: Bool
    ) async throws -> ResourceSummary {
        let expected: Resource.Expectation? = replacing ? nil : Resource.Expectation.none
        return try await putResource(path, secret, policy: policy, expecting: expected).resource
    }

    /// - Returns: the resource as it was put, and whether there was one.
    func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice?, expecting expected: Resource.Expectation?
    ) async throws -> (resource: ResourceSummary, replaced: Bool) {
        try reach.check(path)
        try reach.check(policy)
        let done = try await broker.putResource(path, secret, policy: policy, expecting: expected, by: actor)
        return (ResourceSummary(done.resource), done.replaced)
    }

    public func generateResource(
        _ path: ResourcePath, _ wish: GeneratedResource, replacing: Bool
    ) async throws -> ResourceSummary {
        try await generateResource(path, wish, expecting: replacing ? .any : Resource.Expectation.none).resource
    }

    func generateResource(
        _ path: ResourcePath, _ wish: GeneratedResource, expecting expected: Resource.Expectation?
    ) async throws -> (resource: ResourceSummary, replaced: Bool) {
        try reach.check(path)
        try reach.check(wish.policy)
        let done = try await broker.generateResource(
            path, bytes: wish.bytes, isHex: wish.isHex, policy: wish.policy, boundTo: try wish.hostData(),
            expecting: expected, by: actor)
        return (ResourceSummary(done.resource), done.replaced)
    }

    public func editResource(_ path: ResourcePath, _ edit: ResourceEdit) async throws -> ResourceSummary {
        try await editResource(path, edit, expecting: nil)
    }

    func editResource(
        _ path: ResourcePath, _ edit: ResourceEdit, expecting expected: Resource.Expectation?
    ) async throws -> ResourceSummary {
        try reach.check(path)
        if case .policy(let policy) = edit { try reach.check(policy) }
        switch edit {
        case .disabled(let isDisabled):
            try await broker.setDisabled(isDisabled, resource: path, expecting: expected, by: actor)
        case .policy(let policy):
            try await broker.setPolicy(policy, ofResource: path, expecting: expected, by: actor)
        case .current(let version):
            // Its policy comes back with it.
            if reach != .everything {
                let kept = try await store.versions(of: path).first { $0.number == version }
                try reach.check(kept?.policy.map { .named($0) })
            }
            try await broker.rollBackResource(path, to: version, expecting: expected, by: actor)
        }
        return try await resource(path)
    }

    public func removeResource(_ path: ResourcePath) async throws { try await removeResource(path, expecting: nil) }

    func removeResource(_ path: ResourcePath, expecting expected: Resource.Expectation?) async throws {
        try reach.check(path)
        try await broker.removeResource(path, expecting: expected, by: actor)
    }
}
