public import Broker
import FoundationEssentials

extension ReadingStore {
    public func resource(_ path: ResourcePath) async throws -> Resource? {
        try await genuine(
            Read(ResourceReads.resourceWithSeal, [.text(path.text)]) { row in
                let resource = try Resource(row: row)
                return try row.deciding(resource, ManifestEntry(resource), seal: 12)
            })
    }

    public func resources(after path: String, search: String, limit: Int) async throws -> [Resource] {
        try await rows(
            Read(
                "\(ResourceReads.select) WHERE r.path > ?1 AND instr(r.path, ?2) > 0 ORDER BY r.path LIMIT ?3",
                [.text(path), .text(search), .integer(limit)], .scan
            ) { try Resource(row: $0) })
    }

    public func versions(of path: ResourcePath) async throws -> [Resource.Version] {
        try await rows(ResourceReads.versions(of: path))
    }

    public func sealedResource(_ path: ResourcePath) async throws -> SealedResource? {
        try await genuine(
            Read(ResourceReads.sealedWithSeal, [.text(path.text)], .large) { row in
                let resource = try Resource(row: row)
                let sealed = Sealed(bytes: try row.bytes(13), masterKey: try row.text(12))
                return try row.deciding(
                    SealedResource(resource: resource, sealed: sealed), ManifestEntry(resource), seal: 14)
            })
    }

    public func countResources() async throws -> Int {
        try await first(Read("SELECT count(*) FROM resources", [], .scan) { try $0.int(0) }) ?? 0
    }
}

/// Rows sealed under master keys.
extension ReadingStore {
    public func resourceVersions(
        notUnder masterKey: String, after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion] {
        try await rows(ResourceReads.sealedVersions("AND v.master_key <> ?4", after: place, limit, [.text(masterKey)]))
    }

    public func resourceVersions(after place: ResourcePlace, limit: Int) async throws -> [StoredResourceVersion] {
        try await rows(ResourceReads.sealedVersions("", after: place, limit, []))
    }
}

enum ResourceReads {
    private static let columns = """
        r.row, r.path, r.policy, r.latest, r.change, r.disabled, r.created, r.changed, v.version, v.size, v.stored, v.host_data
        """
    private static let tables =
        "resources r JOIN resource_versions v ON v.resource = r.row AND v.version = r.current"
    static let select = "SELECT \(columns) FROM \(tables)"

    static let resourceWithSeal: SQLText =
        "SELECT \(columns), \(SealColumns.columns) FROM \(tables) \(SealColumns.join) WHERE r.path = ?1"

    static let sealedWithSeal: SQLText = """
        SELECT \(columns), v.master_key, v.sealed, \(SealColumns.columns) FROM \(tables) \(SealColumns.join)
        WHERE r.path = ?1
        """

    private static let plain: SQLText = "\(select) WHERE r.path = ?1"

    static func resource(_ path: ResourcePath) -> Read<Resource> {
        Read(plain, [.text(path.text)]) { try Resource(row: $0) }
    }

    static func exists(_ name: String) -> Read<Bool> {
        Read("SELECT 1 FROM resources WHERE path = ?1", [.text(name)]) { _ in true }
    }

    static func versions(of path: ResourcePath) -> Read<Resource.Version> {
        Read(
            """
            SELECT v.version, v.size, v.stored, v.policy, v.host_data
            FROM resource_versions v JOIN resources r ON r.row = v.resource WHERE r.path = ?1 ORDER BY v.version DESC
            """, [.text(path.text)]
        ) { row in
            Resource.Version(
                number: try row.int(0), size: try row.int(1), stored: try row.date(2),
                policy: try row.optionalText(3).map { try PolicyName($0) },
                binding: try row.binding(4))
        }
    }

    fileprivate static func sealedVersions(
        _ condition: String, after place: ResourcePlace, _ limit: Int, _ values: [Value]
    ) -> Read<StoredResourceVersion> {
        Read(
            """
            SELECT v.resource, v.version, r.path, v.master_key, v.sealed
            FROM resource_versions v JOIN resources r ON r.row = v.resource
            WHERE (v.resource, v.version) > (?1, ?2) \(condition) ORDER BY v.resource, v.version LIMIT ?3
            """, [.integer(place.row), .integer(place.version), .integer(limit)] + values, .scan
        ) { row in
            StoredResourceVersion(
                place: ResourcePlace(row: try row.integer(0), version: try row.int(1)),
                path: try ResourcePath(try row.text(2)),
                sealed: Sealed(bytes: try row.bytes(4), masterKey: try row.text(3)))
        }
    }
}

extension Resource {
    /// From the columns row, path, policy, latest, change, disabled, created, changed, and the current version's
    /// version, size, stored, host_data.
    fileprivate init(row: any StoredRow) throws {
        let policy = try row.optionalText(2).map { try PolicyName($0) }
        self.init(
            row: try row.integer(0), path: try ResourcePath(try row.text(1)), policy: policy,
            current: Version(
                number: try row.int(8), size: try row.int(9), stored: try row.date(10), policy: policy,
                binding: try row.binding(11)),
            latest: try row.int(3), change: try row.integer(4), isDisabled: try row.flag(5),
            created: try row.date(6), changed: try row.date(7))
    }
}

extension StoredRow {
    fileprivate func binding(_ column: Int) throws -> HostDataBinding? {
        guard let bytes = try optionalBytes(column) else { return nil }
        guard let binding = try? HostDataBinding(bytes) else {
            throw UnexpectedAnswer(description: "a resource is bound to \(bytes.count) bytes, or to zeros")
        }
        return binding
    }
}

/// Statements of both databases that write resources.
enum ResourceWrites {
    static let next: SQLText = """
        UPDATE resources SET policy = ?1, current = ?2, latest = ?2, change = change + 1, changed = ?3 WHERE row = ?4
        """
    static let version: SQLText = """
        INSERT INTO resource_versions (resource, version, size, stored, policy, host_data, master_key, sealed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        """
    static let policy: SQLText = "UPDATE resource_versions SET policy = ?1 WHERE resource = ?2"
    static let change: SQLText = """
        UPDATE resources SET policy = ?1, current = ?2, disabled = ?3, change = change + 1, changed = ?4 WHERE row = ?5
        """
    static let forgetOldVersions: SQLText = """
        DELETE FROM resource_versions WHERE resource = ?1 AND version <> ?2 AND version NOT IN
            (SELECT version FROM resource_versions WHERE resource = ?1 AND version <> ?2
            ORDER BY version DESC LIMIT ?3)
        """
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

    /// A resource to be removed, whether or not it agrees with the manifest.
    func foundForRemoval(_ path: ResourcePath) throws -> Resource? {
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

    /// Writes a version of an existing resource row, removes versions over the limit, and lists the resource in the
    /// manifest.
    ///
    /// - Parameter before: the resource before; `nil` for a new one.
    func put(
        _ new: NewResourceVersion, in row: Resource.Row,
        over before: (resource: Resource, versions: [Resource.Version])?, policy: PolicyName?, at time: Date
    ) throws -> Resource {
        let binding = new.binding ?? before?.resource.current.binding
        try execute(
            ResourceWrites.version,
            [
                .integer(row), .integer(new.number), .integer(new.size), .time(time), .text(policy?.text),
                .bytes(binding?.bytes), .text(new.sealed.masterKey), .bytes(new.sealed.bytes),
            ])
        let version = Resource.Version(
            number: new.number, size: new.size, stored: Date(seconds: time.seconds), policy: policy,
            binding: binding)
        guard let before else {
            return try list(
                Resource(
                    row: row, path: new.path, policy: policy, current: version, latest: new.number, change: 1,
                    isDisabled: false, created: version.stored, changed: version.stored), [version])
        }
        try execute(
            ResourceWrites.forgetOldVersions,
            [.integer(row), .integer(new.number), .integer(Resource.oldVersions)])
        return try list(
            before.resource.changed(policy: policy, current: version, latest: new.number),
            before.versions.adding(version))
    }

    /// Lists a changed resource in the manifest, if the database now has exactly that.
    func list(_ resource: Resource, _ versions: [Resource.Version]) throws -> Resource {
        let path = resource.path
        let (wanted, kept) = (ManifestEntry(resource), ManifestEntry(versions, of: path))
        guard let found = try first(ResourceReads.resource(path)), ManifestEntry(found) == wanted,
            ManifestEntry(try rows(ResourceReads.versions(of: path)), of: path) == kept
        else { throw ManifestViolation.row(wanted) }
        try list([wanted, kept])
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
    func adding(_ new: Resource.Version) -> [Resource.Version] {
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
