public import Bytes
import Crypto

/// Operators' changes to resources. The caller is authorized before.
extension Broker {
    /// The paths of resources in order, those after `path`.
    public func resourcePaths(after path: String, limit: Int) async throws -> [ResourcePath] {
        try await store.resources(after: path, search: "", limit: limit).map(\.path)
    }

    /// Stores the next version of a resource, durably, and makes it the current one.
    ///
    /// - Parameters:
    ///   - policy: `nil` leaves the resource's policy.
    ///   - binding: the HOST_DATA that a guest must have been launched with, beside the policy's rules; `nil` leaves
    ///     the current version's.
    ///   - replacing: whether the resource may exist.
    ///   - expected: the precondition (If-Match, If-None-Match); `nil` for none.
    ///   - isGenerated: whether the server generated the bytes, for the trail.
    /// - Returns: the stored resource, and whether it existed before.
    /// - Throws: a ``Refusal``.
    @discardableResult
    public func putResource(
        _ path: ResourcePath, _ secret: Secret, policy: PolicyChoice? = nil,
        boundTo binding: HostDataBinding? = nil, replacing: Bool = true,
        expecting expected: Resource.Expectation? = nil, isGenerated: Bool = false, by actor: Actor
    ) async throws -> (resource: Resource, replaced: Bool) {
        guard secret.count > 0 else { throw Refusal(.invalidField, "A resource must not be empty.") }
        guard secret.count <= longestResource else {
            throw Refusal(
                .invalidField,
                "The resource has \(secret.count) bytes and at most \(longestResource) are taken: see limits.resource.")
        }
        let required = replacing ? expected : Resource.Expectation.none
        var mayReload = true
        // Each overtaken attempt means that another put succeeded, so few are needed.
        for _ in 0..<16 {
            let time = now()
            let number = (try await store.resource(path)?.latest ?? 0) + 1
            let version = NewResourceVersion(
                path: path, number: number, sealed: try keys.seal(secret, for: .resource(path, version: number)),
                size: secret.count, policy: policy, binding: binding)
            let outcome = try await store.put(version, expecting: required, at: time) { replaced in
                AuditRecord(
                    .putResource, by: actor, resource: path.text,
                    details: .members([
                        "version": "\(number)", "size": "\(version.size)", "replaced": "\(replaced)",
                        "policy": policy.map { $0.name?.text ?? "" }, "generated": isGenerated ? "true" : nil,
                        "host_data": binding.map { Hex.encode($0.bytes) },
                    ]), at: time)
            }
            switch outcome {
            case .done(let resource, let replaced):
                report(.resourceChanged(path, .putResource))
                return (resource, replaced)
            case .overtaken: continue
            case .keyRetired:
                // Another process may have rotated the master keys and retired this server's: reload them and put once
                // more.
                guard mayReload, try keys.isOther(than: version.sealed.masterKey) else {
                    throw Refusal.masterKeyRetired
                }
                mayReload = false
            case .changed:
                guard replacing else {
                    throw Refusal(
                        .resourceExists,
                        "There is a resource \(path): remove it first, use another path, or replace it on purpose.")
                }
                throw Refusal.changed(path, expected)
            case .unknownPolicy: throw Refusal.unknownPolicy(policy)
            case .isWorkload:
                throw Refusal(
                    .workloadExists,
                    "A workload \(path) is registered, and workloads and resources share their names: remove it first, "
                        + "or use another path.")
            }
        }
        throw Refusal(.unavailable, "The resource \(path) is being put by many at once: try again.", retryAfter: 1)
    }

    /// Stores random bytes as the next version of a resource: a secret that no person has seen.
    ///
    /// - Parameter isHex: whether to store them as hex digits, for programs that read text.
    @discardableResult
    public func generateResource(
        _ path: ResourcePath, bytes count: Int, isHex: Bool = false, policy: PolicyChoice? = nil,
        boundTo binding: HostDataBinding? = nil, replacing: Bool, expecting expected: Resource.Expectation?,
        by actor: Actor
    ) async throws -> (resource: Resource, replaced: Bool) {
        guard (16...4_096).contains(count) else {
            throw Refusal(.invalidField, "A generated secret has 16 to 4096 bytes: 32 are a key of 256 bits.")
        }
        var secret = SecureRandom.secret(count)
        if isHex {
            var digits = secret.withBytes { Hex.encodeUTF8($0) }
            secret = Secret(wiping: &digits)
        }
        return try await putResource(
            path, secret, policy: policy, boundTo: binding, replacing: replacing, expecting: expected,
            isGenerated: true, by: actor)
    }

    /// Removes a resource with all its versions.
    ///
    /// - Throws: a ``Refusal`` when the resource does not exist, or the precondition does not hold.
    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation? = nil, by actor: Actor
    ) async throws {
        let record = AuditRecord(.removeResource, by: actor, resource: path.text, at: now())
        try check(try await store.removeResource(path, expecting: expected, recording: record), path, expected)
        report(.resourceChanged(path, .removeResource))
    }

    /// Disables or enables a resource. A disabled resource is not released.
    public func setDisabled(
        _ isDisabled: Bool, resource path: ResourcePath, expecting expected: Resource.Expectation? = nil,
        by actor: Actor
    ) async throws {
        try await change(
            path, .disabled(isDisabled), isDisabled ? .disableResource : .enableResource, expected, by: actor)
    }

    /// Sets a resource's policy, for all stored versions.
    public func setPolicy(
        _ policy: PolicyChoice, ofResource path: ResourcePath, expecting expected: Resource.Expectation? = nil,
        by actor: Actor
    ) async throws {
        try await change(path, .policy(policy), .assignPolicy, expected, by: actor)
    }

    /// Makes a stored older version the current one, with its own policy. Later versions stay stored.
    public func rollBackResource(
        _ path: ResourcePath, to version: Int, expecting expected: Resource.Expectation? = nil, by actor: Actor
    ) async throws {
        try await change(path, .current(version), .rollBackResource, expected, by: actor)
    }

    private func change(
        _ path: ResourcePath, _ change: ResourceChange, _ action: AuditRecord.Action,
        _ expected: Resource.Expectation?, by actor: Actor
    ) async throws {
        let time = now()
        let outcome = try await store.changeResource(path, change, expecting: expected, at: time) { policy in
            let details: [String: String] =
                switch change {
                case .disabled: [:]
                case .policy: ["policy": policy?.text ?? ""]
                case .current(let version): ["version": "\(version)", "policy": policy?.text ?? ""]
                }
            return AuditRecord(action, by: actor, resource: path.text, details: details, at: time)
        }
        try check(outcome, path, expected, change)
        report(.resourceChanged(path, action))
    }

    private func check(
        _ outcome: ResourceChangeOutcome, _ path: ResourcePath, _ expected: Resource.Expectation?,
        _ change: ResourceChange? = nil
    ) throws(Refusal) {
        switch outcome {
        case .done: break
        case .missing: throw .noResource(path)
        case .changed: throw .changed(path, expected)
        case .unknownPolicy:
            guard case .policy(let policy) = change else { throw .noResource(path) }
            throw .unknownPolicy(policy)
        case .unknownVersion:
            throw Refusal(
                .notFound, "That version of \(path) is not kept: `kbs resource show` lists those that are.")
        }
    }
}

extension Refusal {
    /// An operator named an unknown resource.
    public static func noResource(_ path: ResourcePath) -> Refusal {
        Refusal(.notFound, "There is no resource \(path).")
    }

    fileprivate static func changed(_ path: ResourcePath, _ expected: Resource.Expectation?) -> Refusal {
        Refusal(
            .preconditionFailed,
            expected == Resource.Expectation.none
                ? "There is a resource \(path): put it without demanding that there be none."
                : "The resource \(path) is not what you last read: read it again, and decide anew.")
    }

    fileprivate static func unknownPolicy(_ policy: PolicyChoice?) -> Refusal {
        Refusal(.invalidField, "There is no policy \(policy?.name?.text ?? ""): set it first, with `kbs policy set`.")
    }
}
