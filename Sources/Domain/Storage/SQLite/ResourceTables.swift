public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: ResourceStore {
    public func put(
        _ new: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome {
        try await writes.perform { database in
            let found = try database.resource(new.path)
            if let expected, !expected.holds(for: found?.stamp) { return .changed }
            guard try !database.hasWorkload(named: new.path.text) else { return .isWorkload }
            guard new.number == (found?.latest ?? 0) + 1 else { return .overtaken }
            guard try !Self.isRetired(new.sealed.masterKey, in: database) else { return .keyRetired }
            guard try database.knows(new.policy) else { return .unknownPolicy }
            let policy = new.policy.map { $0.name?.text } ?? found?.policy?.text
            let row: Resource.Row
            if let found {
                row = found.row
                try database.cachedStatement(
                    sql: """
                        UPDATE resources SET policy = ?, current = ?, latest = ?, change = change + 1, changed = ?
                        WHERE row = ?
                        """
                ).execute(arguments: [policy, new.number, new.number, time.seconds, row])
            } else {
                try database.cachedStatement(
                    sql: """
                        INSERT INTO resources (path, policy, current, latest, change, created, changed)
                        VALUES (?, ?, ?, ?, 1, ?, ?)
                        """
                ).execute(arguments: [
                    new.path.text, policy, new.number, new.number, time.seconds, time.seconds,
                ])
                row = database.lastInsertedRowID
            }
            try database.cachedStatement(
                sql: """
                    INSERT INTO resource_versions (resource, version, size, stored, policy, master_key, sealed)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                row, new.number, new.size, time.seconds, policy, new.sealed.masterKey, new.sealed.bytes,
            ])
            try database.forgetOldVersions(of: row, current: new.number)
            try database.append(record(found != nil))
            guard let resource = try database.resource(new.path) else {
                throw DatabaseError(message: "the resource \(new.path) is not there after it was put")
            }
            return .done(resource, replaced: found != nil)
        }
    }

    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await writes.perform { database in
            guard let found = try database.resource(path) else { return .missing }
            if let expected, !expected.holds(for: found.stamp) { return .changed }
            try database.cachedStatement(sql: "DELETE FROM resources WHERE row = ?").execute(arguments: [found.row])
            try database.append(record)
            return .done
        }
    }

    public func changeResource(
        _ path: ResourcePath, _ change: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await writes.perform { database in
            guard let found = try database.resource(path) else { return .missing }
            if let expected, !expected.holds(for: found.stamp) { return .changed }
            var (policy, current, isDisabled) = (found.policy, found.current.number, found.isDisabled)
            switch change {
            case .disabled(let value): isDisabled = value
            case .policy(let choice):
                guard try database.knows(choice) else { return .unknownPolicy }
                policy = choice.name
                try database.cachedStatement(sql: "UPDATE resource_versions SET policy = ? WHERE resource = ?")
                    .execute(arguments: [policy?.text, found.row])
            case .current(let number):
                guard let version = try database.versions(of: path).first(where: { $0.number == number }) else {
                    return .unknownVersion
                }
                (policy, current) = (version.policy, version.number)
            }
            try database.cachedStatement(
                sql: """
                    UPDATE resources SET policy = ?, current = ?, disabled = ?, change = change + 1, changed = ?
                    WHERE row = ?
                    """
            ).execute(arguments: [policy?.text, current, isDisabled, time.seconds, found.row])
            try database.append(record(policy))
            return .done
        }
    }

    public func resource(_ path: ResourcePath) async throws -> Resource? { try read { try $0.resource(path) } }

    public func resources(after path: String, search: String, limit: Int) async throws -> [Resource] {
        try await scan { database in
            let searching = search.isEmpty ? "" : "AND instr(r.path, :search) > 0"
            return try Row.fetchAll(
                database.cachedStatement(
                    sql: "\(Database.selectResource) WHERE r.path > :after \(searching) ORDER BY r.path LIMIT :limit"),
                arguments: search.isEmpty
                    ? ["after": path, "limit": limit] : ["after": path, "limit": limit, "search": search]
            ).map { try Resource(row: $0) }
        }
    }

    public func versions(of path: ResourcePath) async throws -> [Resource.Version] {
        try read { try $0.versions(of: path) }
    }

    public func sealedResource(_ path: ResourcePath) async throws -> SealedResource? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT r.row, r.path, r.policy, r.latest, r.change, r.disabled, r.created, r.changed,
                            v.version, v.size, v.stored, v.master_key, v.sealed
                        FROM resources r JOIN resource_versions v ON v.resource = r.row AND v.version = r.current
                        WHERE r.path = ?
                        """), arguments: [path.text]
            ).map { row in
                try SealedResource(
                    resource: Resource(row: row),
                    sealed: Sealed(bytes: row[12], masterKey: row[11]))
            }
        }
    }

    public func record(
        _ release: ResourceRelease, at time: Date, recording record: AuditRecord
    ) async throws -> ResourceReleaseOutcome {
        try await writes.perform { database in
            if let guest = release.guest {
                let isOpen = try Bool.fetchOne(
                    database.cachedStatement(sql: "SELECT 1 FROM guests WHERE id = ? AND expires > ?"),
                    arguments: [guest, time.seconds])
                guard isOpen == true else { return .ended }
            }
            switch release.source {
            case .resource(let resource, let stamp):
                guard let policy = resource.policy, try database.resource(resource.path) == resource,
                    try database.policyStamp(policy) == stamp
                else { return .changed }
            case .workload(let workload):
                let isThere = try Bool.fetchOne(
                    database.cachedStatement(sql: "SELECT 1 FROM workloads WHERE row = ? AND disabled = 0"),
                    arguments: [workload.row])
                guard isThere == true else { return .changed }
            }
            try database.append(record)
            return .done
        }
    }
}

/// What is sealed under which master key.
extension SQLiteStore {
    public func sealedSecret(of id: WorkloadID) async throws -> StoredSecret? {
        guard let workload = try await workload(id) else { return nil }
        return try await secrets(after: workload.row - 1, limit: 1).first { $0.workload.row == workload.row }
    }

    public func resourceVersions(
        notUnder masterKey: String, after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion] {
        try resourceVersions("AND v.master_key <> :key", ["key": masterKey], after: place, limit: limit)
    }

    public func resourceVersions(
        after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion] {
        try resourceVersions("", [:], after: place, limit: limit)
    }

    private func resourceVersions(
        _ condition: String, _ arguments: StatementArguments, after place: ResourcePlace, limit: Int
    ) throws -> [StoredResourceVersion] {
        try read { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT v.resource, v.version, r.path, v.master_key, v.sealed
                        FROM resource_versions v JOIN resources r ON r.row = v.resource
                        WHERE (v.resource, v.version) > (:row, :version) \(condition)
                        ORDER BY v.resource, v.version LIMIT :limit
                        """),
                arguments: ["row": place.row, "version": place.version, "limit": limit] + arguments
            ).map { row in
                try StoredResourceVersion(
                    place: ResourcePlace(row: row[0], version: row[1]), path: ResourcePath(row[2] as String),
                    sealed: Sealed(bytes: row[4], masterKey: row[3]))
            }
        }
    }
}

extension Database {
    fileprivate static let selectResource = """
        SELECT r.row, r.path, r.policy, r.latest, r.change, r.disabled, r.created, r.changed,
            v.version, v.size, v.stored
        FROM resources r JOIN resource_versions v ON v.resource = r.row AND v.version = r.current
        """

    fileprivate func resource(_ path: ResourcePath) throws -> Resource? {
        try Row.fetchOne(cachedStatement(sql: "\(Self.selectResource) WHERE r.path = ?"), arguments: [path.text])
            .map { try Resource(row: $0) }
    }

    fileprivate func versions(of path: ResourcePath) throws -> [Resource.Version] {
        try Row.fetchAll(
            cachedStatement(
                sql: """
                    SELECT v.version, v.size, v.stored, v.policy
                    FROM resource_versions v JOIN resources r ON r.row = v.resource
                    WHERE r.path = ? ORDER BY v.version DESC
                    """), arguments: [path.text]
        ).map { row in
            try Resource.Version(
                number: row[0], size: row[1], stored: Date(seconds: row[2]),
                policy: (row[3] as String?).map { try PolicyName($0) })
        }
    }

    fileprivate func forgetOldVersions(of row: Resource.Row, current: Int) throws {
        try cachedStatement(
            sql: """
                DELETE FROM resource_versions WHERE resource = :row AND version NOT IN
                    (SELECT version FROM resource_versions WHERE resource = :row AND version <> :current
                    ORDER BY version DESC LIMIT \(Resource.oldVersions)) AND version <> :current
                """
        ).execute(arguments: ["row": row, "current": current])
    }

    /// Whether a choice can be made: `nil` and none always can.
    fileprivate func knows(_ choice: PolicyChoice?) throws -> Bool {
        guard let name = choice?.name else { return true }
        return try policyStamp(name) != nil
    }

    private func hasRow(_ sql: String, _ name: String) throws -> Bool {
        try Bool.fetchOne(cachedStatement(sql: sql), arguments: [name]) == true
    }

    fileprivate func hasWorkload(named name: String) throws -> Bool {
        try hasRow("SELECT 1 FROM workloads WHERE id = ?", name)
    }

    /// Workloads and resources share their names.
    func hasResource(named name: String) throws -> Bool { try hasRow("SELECT 1 FROM resources WHERE path = ?", name) }
}

extension Resource {
    /// From the columns row, path, policy, latest, change, disabled, created, changed, and the current version's
    /// version, size, stored.
    fileprivate init(row: SQLite.Row) throws {
        let policy = try (row[2] as String?).map { try PolicyName($0) }
        try self.init(
            row: row[0], path: ResourcePath(row[1] as String), policy: policy,
            current: Version(number: row[8], size: row[9], stored: Date(seconds: row[10]), policy: policy),
            latest: row[3], change: row[4], isDisabled: row[5], created: Date(seconds: row[6]),
            changed: Date(seconds: row[7]))
    }
}
