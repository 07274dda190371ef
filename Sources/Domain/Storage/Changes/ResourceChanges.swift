import Broker
import FoundationEssentials

/// A change or creation under a path first takes the name's lock and then reads: of two servers that do so at once, the
/// second sees the first one's change.
extension WritingStore {
    public func put(
        _ new: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome {
        try await decide { change in
            try change.takeTurn(at: new.path.text)
            let before = try change.found(new.path)
            let found = before?.resource
            if let expected, !expected.holds(for: found?.revision) { return .changed }
            guard try change.first(WorkloadReads.exists(new.path.text)) == nil else { return .isWorkload }
            guard new.number == (found?.latest ?? 0) + 1 else { return .overtaken }
            guard try !change.isRetired(new.sealed.masterKey) else { return .keyRetired }
            guard try change.knows(new.policy?.name) else { return .unknownPolicy }
            let resource = try change.put(
                new, over: before, policy: new.policy.map(\.name) ?? found?.policy, at: time)
            try change.append(record(found != nil))
            return .done(resource, replaced: found != nil)
        }
    }

    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await decide { change in
            try change.takeTurn(at: path.text)
            guard let found = try change.foundForRemoval(path) else {
                try change.list(ManifestEntry.absent(path))
                return .missing
            }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            try change.execute("DELETE FROM resources WHERE row = ?1", [.integer(found.row)], alone: .resources)
            try change.list(ManifestEntry.absent(path))
            try change.append(record)
            return .done
        }
    }

    public func changeResource(
        _ path: ResourcePath, _ wanted: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await decide { change in
            try change.takeTurn(at: path.text)
            // Disabling takes the resource away from everyone: an old version that was changed past the servers must not
            // hold it up.
            let needsVersions = wanted != .disabled(true)
            guard
                let (found, kept) = try needsVersions
                    ? change.found(path) : change.foundWithoutVersions(path).map({ (resource: $0, versions: []) })
            else { return .missing }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            var (policy, current, isDisabled) = (found.policy, found.current, found.isDisabled)
            var versions = kept
            switch wanted {
            case .disabled(let value): isDisabled = value
            case .policy(let choice):
                guard try change.knows(choice.name) else { return .unknownPolicy }
                policy = choice.name
                versions = kept.with(policy: policy)
                try change.execute(
                    "UPDATE resource_versions SET policy = ?1 WHERE resource = ?2",
                    [.text(policy?.text), .integer(found.row)])
            case .current(let number):
                guard let version = kept.first(where: { $0.number == number }) else { return .unknownVersion }
                // Locks the policy against removal until the commit.
                guard try change.knows(version.policy) else { throw RetryTransaction() }
                (policy, current) = (version.policy, version)
            }
            try change.execute(
                """
                UPDATE resources SET policy = ?1, current = ?2, disabled = ?3, change = change + 1, changed = ?4
                WHERE row = ?5
                """,
                [
                    .text(policy?.text), .integer(current.number), .integer(isDisabled ? 1 : 0), .time(time),
                    .integer(found.row),
                ], alone: .resources)
            _ = try change.list(
                found.changed(policy: policy, current: current, isDisabled: isDisabled),
                needsVersions ? versions : nil)
            try change.append(record(policy))
            return .done
        }
    }
}

extension ManifestedTransaction {
    /// A resource that agrees with the manifest, with its stored versions.
    func found(_ path: ResourcePath) throws -> (resource: Resource, versions: [Resource.Version])? {
        var versions: [Resource.Version] = []
        let found = try genuine(ResourceReads.resource(path)) { resource in
            versions = try rows(ResourceReads.versions(of: path))
            guard let resource else { return ManifestEntry.absent(path) }
            return [ManifestEntry(resource), ManifestEntry(versions, of: path)]
        }
        return found.map { ($0, versions) }
    }

    /// A resource that agrees with the manifest, whether or not its old versions do.
    fileprivate func foundWithoutVersions(_ path: ResourcePath) throws -> Resource? {
        try genuine(ResourceReads.resource(path)) { $0.map { [ManifestEntry($0)] } ?? ManifestEntry.absent(path) }
    }

    /// A resource to be removed, whether or not it agrees with the manifest.
    fileprivate func foundForRemoval(_ path: ResourcePath) throws -> Resource? {
        do { return try found(path)?.resource } catch is ManifestViolation {
            return try first(ResourceReads.resource(path))
        }
    }

    /// The resources with a version under a policy.
    func resources(putUnder policy: PolicyName) throws -> [ResourcePath] {
        try rows(
            Read(
                """
                SELECT DISTINCT r.path FROM resources r JOIN resource_versions v ON v.resource = r.row
                WHERE v.policy = ?1 ORDER BY r.path
                """, [.text(policy.text)]
            ) { try ResourcePath(try $0.text(0)) })
    }

    /// Writes a version, removes versions over the limit, and lists the resource in the manifest.
    ///
    /// - Parameter before: the resource before; `nil` for a new one.
    fileprivate func put(
        _ new: NewResourceVersion, over before: (resource: Resource, versions: [Resource.Version])?,
        policy: PolicyName?, at time: Date
    ) throws -> Resource {
        let (number, name) = (Value.integer(new.number), Value.text(policy?.text))
        let row: Resource.Row
        if let before {
            row = before.resource.row
            try execute(
                """
                UPDATE resources SET policy = ?1, current = ?2, latest = ?2, change = change + 1, changed = ?3
                WHERE row = ?4
                """, [name, number, .time(time), .integer(row)], alone: .resources)
        } else {
            let insert = Read(
                """
                INSERT INTO resources (path, policy, current, latest, change, created, changed)
                VALUES (?1, ?2, ?3, ?3, 1, ?4, ?4) RETURNING row
                """, [.text(new.path.text), name, number, .time(time)]
            ) { try $0.integer(0) }
            guard let inserted = try first(insert) else {
                throw UnexpectedAnswer(description: "a resource that was inserted has no row")
            }
            row = inserted
        }
        let version = Resource.Version(
            number: new.number, size: new.size, stored: Date(seconds: time.seconds), policy: policy,
            binding: new.binding ?? before?.resource.current.binding)
        try execute(
            """
            INSERT INTO resource_versions (resource, version, size, stored, policy, host_data, master_key, sealed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """,
            [
                .integer(row), number, .integer(new.size), .time(time), name, .bytes(version.binding?.bytes),
                .text(new.sealed.masterKey), .bytes(new.sealed.bytes),
            ])
        guard let before else {
            return try list(
                Resource(
                    row: row, path: new.path, policy: policy, current: version, latest: new.number, change: 1,
                    isDisabled: false, created: version.stored, changed: version.stored), [version])
        }
        try execute(
            """
            DELETE FROM resource_versions WHERE resource = ?1 AND version <> ?2 AND version NOT IN
                (SELECT version FROM resource_versions WHERE resource = ?1 AND version <> ?2
                ORDER BY version DESC LIMIT ?3)
            """, [.integer(row), number, .integer(Resource.oldVersions)])
        return try list(
            before.resource.changed(policy: policy, current: version, latest: new.number),
            before.versions.adding(version))
    }

    /// Lists a changed resource in the manifest, if the database now has exactly that.
    ///
    /// - Parameter versions: `nil` leaves their entry as it is.
    func list(_ resource: Resource, _ versions: [Resource.Version]?) throws -> Resource {
        let path = resource.path
        let (wanted, kept) = (ManifestEntry(resource), versions.map { ManifestEntry($0, of: path) })
        guard let found = try first(ResourceReads.resource(path)), ManifestEntry(found) == wanted,
            try kept.map({ try ManifestEntry(rows(ResourceReads.versions(of: path)), of: path) == $0 }) ?? true
        else { throw ManifestViolation.row(wanted) }
        try list([wanted] + [kept].compactMap(\.self))
        return found
    }
}

extension Resource {
    /// The resource after a change.
    func changed(policy: PolicyName?, current: Version, latest: Int? = nil, isDisabled: Bool? = nil) -> Resource {
        Resource(
            row: row, path: path, policy: policy, current: current, latest: latest ?? self.latest, change: change + 1,
            isDisabled: isDisabled ?? self.isDisabled, created: created, changed: changed)
    }
}

extension [Resource.Version] {
    /// Adds a version in front and drops those over the limit.
    fileprivate func adding(_ new: Resource.Version) -> [Resource.Version] {
        [new] + filter { $0.number != new.number }.prefix(Resource.oldVersions)
    }

    func with(policy: PolicyName?, where isMeant: (Resource.Version) -> Bool = { _ in true }) -> [Resource.Version] {
        map {
            isMeant($0)
                ? Resource.Version(
                    number: $0.number, size: $0.size, stored: $0.stored, policy: policy, binding: $0.binding)
                : $0
        }
    }
}
