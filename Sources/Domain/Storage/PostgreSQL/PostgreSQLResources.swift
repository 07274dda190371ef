public import Broker
public import FoundationEssentials

/// Whoever changes what has a path, or makes it, waits for its turn first, and then looks: of two servers that do so at
/// once, the second sees what the first did.
extension PostgreSQLStore: ResourceStore {
    public func put(
        _ new: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome {
        try await change { transaction in
            try transaction.takeTurn(at: new.path.text)
            let found = try transaction.resource(new.path)
            if let expected, !expected.holds(for: found?.stamp) { return .changed }
            guard try !transaction.hasWorkload(named: new.path.text) else { return .isWorkload }
            guard new.number == (found?.latest ?? 0) + 1 else { return .overtaken }
            guard try !transaction.isRetired(new.sealed.masterKey) else { return .keyRetired }
            guard try transaction.knows(new.policy) else { return .unknownPolicy }
            let policy = Value.text(new.policy.map { $0.name?.text } ?? found?.policy?.text)
            let (number, now) = (Value.integer(new.number), Value.integer(time.seconds))
            let row: Resource.Row
            if let found {
                row = found.row
                try transaction.run(
                    """
                    UPDATE resources SET policy = $1, current = $2, latest = $2, change = change + 1, changed = $3
                    WHERE row = $4
                    """, [policy, number, now, .integer(row)], alone: .resources)
            } else {
                let inserted = try transaction.run(
                    """
                    INSERT INTO resources (path, policy, current, latest, change, created, changed)
                    VALUES ($1, $2, $3, $3, 1, $4, $4) RETURNING row
                    """, [.text(new.path.text), policy, number, now])
                guard let first = inserted.first else {
                    throw UnexpectedAnswer(description: "a resource that was inserted has no row")
                }
                row = try first.integer(0)
            }
            try transaction.run(
                """
                INSERT INTO resource_versions (resource, version, size, stored, policy, master_key, sealed)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    .integer(row), number, .integer(new.size), now, policy, .text(new.sealed.masterKey),
                    .bytes(new.sealed.bytes),
                ])
            if found != nil { try transaction.forgetOldVersions(of: row, current: new.number) }
            transaction.append(record(found != nil))
            guard let resource = try transaction.resource(new.path) else {
                throw UnexpectedAnswer(description: "the resource \(new.path) is not there after it was put")
            }
            return .done(resource, replaced: found != nil)
        }
    }

    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await change { transaction in
            try transaction.takeTurn(at: path.text)
            guard let found = try transaction.resource(path) else { return .missing }
            if let expected, !expected.holds(for: found.stamp) { return .changed }
            try transaction.run("DELETE FROM resources WHERE row = $1", [.integer(found.row)], alone: .resources)
            transaction.append(record)
            return .done
        }
    }

    public func changeResource(
        _ path: ResourcePath, _ change: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await self.change { transaction in
            try transaction.takeTurn(at: path.text)
            guard let found = try transaction.resource(path) else { return .missing }
            if let expected, !expected.holds(for: found.stamp) { return .changed }
            var (policy, current, isDisabled) = (found.policy, found.current.number, found.isDisabled)
            switch change {
            case .disabled(let value): isDisabled = value
            case .policy(let choice):
                guard try transaction.knows(choice) else { return .unknownPolicy }
                policy = choice.name
                try transaction.run(
                    "UPDATE resource_versions SET policy = $1 WHERE resource = $2",
                    [.text(policy?.text), .integer(found.row)])
            case .current(let number):
                guard let kept = try transaction.policy(ofVersion: number, of: found.row) else {
                    return .unknownVersion
                }
                (policy, current) = (kept.name, number)
            }
            try transaction.run(
                """
                UPDATE resources SET policy = $1, current = $2, disabled = $3, change = change + 1, changed = $4
                WHERE row = $5
                """,
                [
                    .text(policy?.text), .integer(current), .integer(isDisabled ? 1 : 0), .integer(time.seconds),
                    .integer(found.row),
                ], alone: .resources)
            transaction.append(record(policy))
            return .done
        }
    }

    public func resource(_ path: ResourcePath) async throws -> Resource? {
        try await lookUp("\(Self.selectResource) WHERE r.path = $1", [.text(path.text)]).first.map {
            try Resource(row: $0)
        }
    }

    public func resources(after path: String, search: String, limit: Int) async throws -> [Resource] {
        try await scan(
            "\(Self.selectResource) WHERE r.path > $1 AND strpos(r.path, $2) > 0 ORDER BY r.path LIMIT $3",
            [.text(path), .text(search), .integer(limit)]
        ).rows.map { try Resource(row: $0) }
    }

    public func versions(of path: ResourcePath) async throws -> [Resource.Version] {
        try await lookUp(
            """
            SELECT v.version, v.size, v.stored, v.policy FROM resource_versions v JOIN resources r ON r.row = v.resource
            WHERE r.path = $1 ORDER BY v.version DESC
            """, [.text(path.text)]
        ).rows.map { row in
            Resource.Version(
                number: try row.int(0), size: try row.int(1), stored: Date(seconds: try row.integer(2)),
                policy: try row.optionalText(3).map { try PolicyName($0) })
        }
    }

    public func sealedResource(_ path: ResourcePath) async throws -> SealedResource? {
        let sql = """
            SELECT \(Self.resourceColumns), v.master_key, v.sealed FROM \(Self.resourceTables) WHERE r.path = $1
            """
        return try await lookUp(sql, [.text(path.text)], isLarge: true).first.map { row in
            SealedResource(
                resource: try Resource(row: row),
                sealed: Sealed(bytes: try row.bytes(12), masterKey: try row.text(11)))
        }
    }

    static let selectResource = "SELECT \(resourceColumns) FROM \(resourceTables)"

    private static let resourceColumns = """
        r.row, r.path, r.policy, r.latest, r.change, r.disabled, r.created, r.changed, v.version, v.size, v.stored
        """

    private static let resourceTables =
        "resources r JOIN resource_versions v ON v.resource = r.row AND v.version = r.current"
}

/// What is sealed under which master key.
extension PostgreSQLStore {
    public func sealedSecret(of id: WorkloadID) async throws -> StoredSecret? {
        // The workload's eight columns come first.
        let sql = """
            SELECT w.*, x.sealed, x.master_key FROM (\(Self.selectWorkload)) w JOIN secrets x ON x.workload = w.row
            WHERE w.id = $1
            """
        return try await lookUp(sql, [.text(id.text)]).first.map { row in
            StoredSecret(
                workload: try Workload(row: row), sealed: Sealed(bytes: try row.bytes(8), masterKey: try row.text(9)))
        }
    }

    public func resourceVersions(
        notUnder masterKey: String, after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion] {
        try await resourceVersions("AND v.master_key <> $4", [.text(masterKey)], after: place, limit: limit)
    }

    public func resourceVersions(after place: ResourcePlace, limit: Int) async throws -> [StoredResourceVersion] {
        try await resourceVersions("", [], after: place, limit: limit)
    }

    private func resourceVersions(
        _ condition: String, _ values: [Value], after place: ResourcePlace, limit: Int
    ) async throws -> [StoredResourceVersion] {
        try await scan(
            """
            SELECT v.resource, v.version, r.path, v.master_key, v.sealed
            FROM resource_versions v JOIN resources r ON r.row = v.resource
            WHERE (v.resource, v.version) > ($1, $2) \(condition) ORDER BY v.resource, v.version LIMIT $3
            """, [.integer(place.row), .integer(place.version), .integer(limit)] + values
        ).rows.map { row in
            StoredResourceVersion(
                place: ResourcePlace(row: try row.integer(0), version: try row.int(1)),
                path: try ResourcePath(try row.text(2)),
                sealed: Sealed(bytes: try row.bytes(4), masterKey: try row.text(3)))
        }
    }
}

extension Transaction {
    /// Waits until nobody else changes what has this name, and keeps others from it until the end of the transaction:
    /// also when nothing has the name yet, and there is no row to lock.
    ///
    /// Workloads and resources share their names.
    func takeTurn(at name: String) throws {
        try run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [.text(name)])
    }

    func hasResource(named name: String) throws -> Bool {
        try run("SELECT 1 FROM resources WHERE path = $1", [.text(name)]).first != nil
    }

    fileprivate func hasWorkload(named name: String) throws -> Bool {
        try run("SELECT 1 FROM workloads WHERE id = $1", [.text(name)]).first != nil
    }

    fileprivate func resource(_ path: ResourcePath) throws -> Resource? {
        try run("\(PostgreSQLStore.selectResource) WHERE r.path = $1", [.text(path.text)]).first.map {
            try Resource(row: $0)
        }
    }

    /// Whether a choice can be made: `nil` and none always can. Nobody removes the policy before this is committed.
    fileprivate func knows(_ choice: PolicyChoice?) throws -> Bool {
        guard let name = choice?.name else { return true }
        return try run("SELECT 1 FROM policies WHERE name = $1 FOR KEY SHARE", [.text(name.text)]).first != nil
    }

    /// The policy of a version that is kept, which nobody removes before this is committed; `nil` when it is not kept.
    fileprivate func policy(ofVersion number: Int, of row: Resource.Row) throws -> PolicyChoice? {
        let kept = try run(
            "SELECT policy FROM resource_versions WHERE resource = $1 AND version = $2",
            [.integer(row), .integer(number)])
        guard let version = kept.first else { return nil }
        guard let name = try version.optionalText(0) else { return PolicyChoice.none }
        let choice = PolicyChoice.named(try PolicyName(name))
        // Another server may have removed it since: then the version has none.
        return try knows(choice) ? choice : PolicyChoice.none
    }

    fileprivate func forgetOldVersions(of row: Resource.Row, current: Int) throws {
        try run(
            """
            DELETE FROM resource_versions WHERE resource = $1 AND version <> $2 AND version NOT IN
                (SELECT version FROM resource_versions WHERE resource = $1 AND version <> $2
                ORDER BY version DESC LIMIT $3)
            """, [.integer(row), .integer(current), .integer(Resource.oldVersions)])
    }
}

extension Resource {
    /// From the columns row, path, policy, latest, change, disabled, created, changed, and the current version's
    /// version, size, stored.
    fileprivate init(row: ResultRow) throws {
        let policy = try row.optionalText(2).map { try PolicyName($0) }
        self.init(
            row: try row.integer(0), path: try ResourcePath(try row.text(1)), policy: policy,
            current: Version(
                number: try row.int(8), size: try row.int(9), stored: Date(seconds: try row.integer(10)),
                policy: policy),
            latest: try row.int(3), change: try row.integer(4), isDisabled: try row.integer(5) != 0,
            created: Date(seconds: try row.integer(6)), changed: Date(seconds: try row.integer(7)))
    }
}
