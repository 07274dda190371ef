public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: PolicyStore {
    public func set(
        _ policy: ResourcePolicy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        let rules = try policy.rulesColumn
        return try await writes.perform { database in
            let name = policy.name.text
            let revision = try database.revision(of: name, in: .policies)
            if let expected, !expected.holds(for: revision) { return .changed }
            let unknown = try policy.referenceNames.filter {
                try database.revision(of: $0.text, in: .referenceValues) == nil
            }
            guard unknown.isEmpty else { return .unknownReferences(unknown) }
            let written = try database.nextRevision()
            // An update, not a deletion: resources refer to it.
            try database.cachedStatement(
                sql: """
                    INSERT INTO policies (name, document, rules, revision, changed) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (name) DO UPDATE SET document = excluded.document, rules = excluded.rules,
                        revision = excluded.revision, changed = excluded.changed
                    """
            ).execute(arguments: [name, document, rules, written.number, time.seconds])
            try database.cachedStatement(sql: "DELETE FROM policy_references WHERE policy = ?")
                .execute(arguments: [name])
            for reference in policy.referenceNames {
                try database.cachedStatement(
                    sql: "INSERT INTO policy_references (policy, reference_values) VALUES (?, ?)"
                ).execute(arguments: [name, reference.text])
            }
            try database.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(name, from: .policies, expecting: expected, recording: record)
    }

    public func policy(_ name: PolicyName) async throws -> StoredPolicy? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectPolicy) WHERE name = ?"), arguments: [name.text]
            ).map { try StoredPolicy(row: $0) }
        }
    }

    public func policies(after name: String, limit: Int) async throws -> [StoredPolicy] {
        try await scan { database in
            try Row.fetchAll(
                database.cachedStatement(sql: "\(Self.selectPolicy) WHERE name > ? ORDER BY name LIMIT ?"),
                arguments: [name, limit]
            ).map { try StoredPolicy(row: $0) }
        }
    }

    public func policyInForce(_ name: PolicyName) async throws -> PolicyInForce? {
        try read { database in
            // One statement sees one state of the database.
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: """
                        SELECT p.rules, p.revision, r.name, r.kind, r.digests, r.source, r.expires, r.revision
                        FROM policies p
                        LEFT JOIN policy_references u ON u.policy = p.name
                        LEFT JOIN reference_values r ON r.name = u.reference_values
                        WHERE p.name = ? ORDER BY r.name
                        """), arguments: [name.text])
            guard let first = rows.first else { return nil }
            var references: ReferenceValues = [:]
            var revisions: [Revision] = []
            for row in rows {
                guard let name = try row[2] as String? else { continue }
                let set = try ReferenceValueSet(
                    name: name, kind: row[3], digests: row[4], source: row[5], expires: row[6])
                references[set.name] = set
                revisions.append(Revision(try row[7]))
            }
            return PolicyInForce(
                policy: try rules.policy(first[0]), references: references,
                stamp: PolicyInForce.Stamp(policy: Revision(try first[1]), references: revisions))
        }
    }

    private static let selectPolicy = "SELECT rules, document, revision, changed FROM policies"

    // MARK: Reference values

    public func set(
        _ references: ReferenceValueSet, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        try await writes.perform { database in
            let name = references.name.text
            let revision = try database.revision(of: name, in: .referenceValues)
            if let expected, !expected.holds(for: revision) { return .changed }
            let written = try database.write(references, at: time)
            try database.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func set(
        _ references: [ReferenceValueSet], at time: Date,
        recording record: @escaping @Sendable (ReferenceValueSet, _ replaced: Bool) -> AuditRecord
    ) async throws {
        try await writes.perform { database in
            for set in references {
                let isThere = try database.revision(of: set.name.text, in: .referenceValues) != nil
                _ = try database.write(set, at: time)
                try database.append(record(set, isThere))
            }
        }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(name, from: .referenceValues, expecting: expected, recording: record)
    }

    public func references(_ name: PolicyName) async throws -> StoredReferenceValues? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "\(Self.selectReferences) WHERE name = ?"), arguments: [name.text]
            ).map { try StoredReferenceValues(row: $0) }
        }
    }

    public func references(after name: String, limit: Int) async throws -> [StoredReferenceValues] {
        try await scan { database in
            try Row.fetchAll(
                database.cachedStatement(sql: "\(Self.selectReferences) WHERE name > ? ORDER BY name LIMIT ?"),
                arguments: [name, limit]
            ).map { try StoredReferenceValues(row: $0) }
        }
    }

    private static let selectReferences =
        "SELECT name, kind, digests, source, expires, revision, changed FROM reference_values"

    private func remove(
        _ name: PolicyName, from table: NamedTable, expecting expected: Revision.Expectation?,
        recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await writes.perform { database in
            guard let revision = try database.revision(of: name.text, in: table) else { return .missing }
            if let expected, !expected.holds(for: revision) { return .changed }
            do {
                try database.cachedStatement(sql: "DELETE FROM \(table.rawValue) WHERE name = ?")
                    .execute(arguments: [name.text])
            } catch let error as DatabaseError where error.resultCode == .constraint {
                // Something refers to it, and the row is still there.
                return .inUse
            }
            try database.append(record)
            return .done
        }
    }
}

private enum NamedTable: String {
    case policies
    case referenceValues = "reference_values"
}

extension Database {
    /// A number that no state of a policy or of reference values ever had.
    fileprivate func nextRevision() throws -> Revision {
        guard let number = try Int64.fetchOne(cachedStatement(sql: Revision.next)) else {
            throw DatabaseError(message: "there is no next revision")
        }
        return Revision(number)
    }

    /// - Returns: the revision that the set has from now on.
    fileprivate func write(_ references: ReferenceValueSet, at time: Date) throws -> Revision {
        let written = try nextRevision()
        try cachedStatement(
            sql: """
                INSERT INTO reference_values (name, kind, digests, source, expires, revision, changed)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, digests = excluded.digests,
                    source = excluded.source, expires = excluded.expires, revision = excluded.revision,
                    changed = excluded.changed
                """
        ).execute(arguments: [
            references.name.text, references.kind.rawValue, references.valuesColumn, references.source,
            references.expires?.seconds, written.number, time.seconds,
        ])
        return written
    }

    fileprivate func revision(of name: String, in table: NamedTable) throws -> Revision? {
        try Int64.fetchOne(
            cachedStatement(sql: "SELECT revision FROM \(table.rawValue) WHERE name = ?"), arguments: [name]
        ).map { Revision($0) }
    }

    /// The stamp of a policy as it is now, in the transaction that is open: for whoever decided by it before.
    func policyStamp(_ name: PolicyName) throws -> PolicyInForce.Stamp? {
        guard let revision = try revision(of: name.text, in: .policies) else { return nil }
        let references = try Int64.fetchAll(
            cachedStatement(
                sql: """
                    SELECT r.revision FROM policy_references u JOIN reference_values r ON r.name = u.reference_values
                    WHERE u.policy = ? ORDER BY r.name
                    """), arguments: [name.text])
        return PolicyInForce.Stamp(policy: revision, references: references.map { Revision($0) })
    }
}

extension StoredPolicy {
    /// From the columns rules, document, revision, changed.
    fileprivate init(row: SQLite.Row) throws {
        try self.init(
            policy: ResourcePolicy(rules: row[0]), document: row[1], revision: Revision(row[2]),
            changed: Date(seconds: row[3]))
    }
}

extension StoredReferenceValues {
    /// From the columns name, kind, digests, source, expires, revision, changed.
    fileprivate init(row: SQLite.Row) throws {
        try self.init(
            set: ReferenceValueSet(
                name: row[0], kind: row[1], digests: row[2], source: row[3], expires: row[4]),
            revision: Revision(row[5]), changed: Date(seconds: row[6]))
    }
}
