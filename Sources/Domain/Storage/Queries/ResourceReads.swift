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
        let read = Read(
            """
            SELECT v.resource, v.version, r.path, v.master_key, v.sealed
            FROM resource_versions v JOIN resources r ON r.row = v.resource
            WHERE (v.resource, v.version) > (?1, ?2) AND (v.master_key <> ?4 OR ?4 = '')
            ORDER BY v.resource, v.version LIMIT ?3
            """, [.integer(place.row), .integer(place.version), .integer(limit), .text(masterKey)], .scan
        ) { row in
            StoredResourceVersion(
                place: ResourcePlace(row: try row.integer(0), version: try row.int(1)),
                path: try ResourcePath(try row.text(2)),
                sealed: Sealed(bytes: try row.bytes(4), masterKey: try row.text(3)))
        }
        return try await rows(read)
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

    static let entries = Read("\(select)") { ManifestEntry(try Resource(row: $0)) }

    /// Each resource's versions, the latest first, or one row without a version.
    static let allVersions = Read(
        """
        SELECT \(versionColumns), r.path FROM resources r LEFT JOIN resource_versions v ON v.resource = r.row
        ORDER BY r.path, v.version DESC
        """
    ) { row in (try ResourcePath(row.text(5)), try Resource.Version(ifPresent: row)) }

    /// A resource's versions, the latest first, or one row without a version.
    static func versionsWithSeal(of path: ResourcePath) -> Read<(version: Resource.Version?, seal: ManifestSeal?)> {
        Read(
            """
            SELECT \(versionColumns), \(SealColumns.columns)
            FROM resources r LEFT JOIN resource_versions v ON v.resource = r.row \(SealColumns.join)
            WHERE r.path = ?1 ORDER BY v.version DESC
            """, [.text(path.text)]
        ) { row in (try Resource.Version(ifPresent: row), try row.seal(5)) }
    }

    static func exists(_ name: String) -> Read<Bool> {
        Read("SELECT 1 FROM resources WHERE path = ?1", [.text(name)]) { _ in true }
    }

    static func versions(of path: ResourcePath) -> Read<Resource.Version> {
        Read(
            """
            SELECT \(versionColumns)
            FROM resource_versions v JOIN resources r ON r.row = v.resource WHERE r.path = ?1 ORDER BY v.version DESC
            """, [.text(path.text)]
        ) { try Resource.Version(row: $0) }
    }

    private static let versionColumns = "v.version, v.size, v.stored, v.policy, v.host_data"
}

extension Resource.Version {
    /// From the same columns, where an outer join may have found no version.
    fileprivate init?(ifPresent row: any StoredRow) throws {
        guard try row.optionalInteger(0) != nil else { return nil }
        try self.init(row: row)
    }

    /// From the columns version, size, stored, policy, host_data.
    fileprivate init(row: any StoredRow) throws {
        self.init(
            number: try row.int(0), size: try row.int(1), stored: try row.date(2),
            policy: try row.optionalText(3).map { try PolicyName($0) }, binding: try row.binding(4))
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
