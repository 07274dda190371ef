public import Broker
public import FoundationEssentials

/// Changes of policies and reference values take turns at the row that numbers them: they are few, and each looks at
/// others than the one that it changes.
extension PostgreSQLStore: PolicyStore {
    public func set(
        _ policy: ResourcePolicy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        let rules = try policy.rulesColumn
        return try await change { transaction in
            let name = policy.name.text
            let written = try transaction.nextRevision()
            let revision = try transaction.revision(of: name, in: .policies)
            if let expected, !expected.holds(for: revision) { return .changed }
            let unknown = try policy.referenceNames.filter {
                try transaction.revision(of: $0.text, in: .referenceValues) == nil
            }
            guard unknown.isEmpty else { return .unknownReferences(unknown) }
            // An update, not a deletion: resources refer to it.
            try transaction.run(
                """
                INSERT INTO policies (name, document, rules, revision, changed) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (name) DO UPDATE SET document = excluded.document, rules = excluded.rules,
                    revision = excluded.revision, changed = excluded.changed
                """,
                [.text(name), .text(document), .text(rules), .integer(written.number), .integer(time.seconds)],
                alone: .policies)
            try transaction.run("DELETE FROM policy_references WHERE policy = $1", [.text(name)])
            try transaction.run(
                "INSERT INTO policy_references (policy, reference_values) SELECT $1, unnest($2::text[])",
                [.text(name), .texts(policy.referenceNames.map(\.text))])
            transaction.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(
            name, from: .policies, unless: "SELECT 1 FROM resources WHERE policy = $1 LIMIT 1", expecting: expected,
            recording: record)
    }

    public func policy(_ name: PolicyName) async throws -> StoredPolicy? {
        try await lookUp("\(Self.selectPolicy) WHERE name = $1", [.text(name.text)]).first.map {
            try StoredPolicy(row: $0)
        }
    }

    public func policies(after name: String, limit: Int) async throws -> [StoredPolicy] {
        try await scan(
            "\(Self.selectPolicy) WHERE name > $1 ORDER BY name LIMIT $2", [.text(name), .integer(limit)]
        ).rows.map { try StoredPolicy(row: $0) }
    }

    public func policyInForce(_ name: PolicyName) async throws -> PolicyInForce? {
        // One statement sees one state of the database.
        let rows = try await lookUp(
            """
            SELECT p.rules, p.revision, r.name, r.kind, r.digests, r.source, r.expires, r.revision
            FROM policies p
            LEFT JOIN policy_references u ON u.policy = p.name
            LEFT JOIN reference_values r ON r.name = u.reference_values
            WHERE p.name = $1 ORDER BY r.name
            """, [.text(name.text)]
        ).rows
        guard let first = rows.first else { return nil }
        var references: ReferenceValues = [:]
        var revisions: [Revision] = []
        for row in rows {
            guard let name = try row.optionalText(2) else { continue }
            let set = try ReferenceValueSet(
                name: name, kind: try row.text(3), digests: try row.bytes(4), source: try row.text(5),
                expires: try row.optionalInteger(6))
            references[set.name] = set
            revisions.append(Revision(try row.integer(7)))
        }
        return PolicyInForce(
            policy: try rules.policy(first.text(0)), references: references,
            stamp: PolicyInForce.Stamp(policy: Revision(try first.integer(1)), references: revisions))
    }

    private static let selectPolicy = "SELECT rules, document, revision, changed FROM policies"

    // MARK: Reference values

    public func set(
        _ references: ReferenceValueSet, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        try await change { transaction in
            let name = references.name.text
            let written = try transaction.nextRevision()
            let revision = try transaction.revision(of: name, in: .referenceValues)
            if let expected, !expected.holds(for: revision) { return .changed }
            try transaction.write(references, as: written, at: time)
            transaction.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func set(
        _ references: [ReferenceValueSet], at time: Date,
        recording record: @escaping @Sendable (ReferenceValueSet, _ replaced: Bool) -> AuditRecord
    ) async throws {
        try await change { transaction in
            for set in references {
                let written = try transaction.nextRevision()
                let isThere = try transaction.revision(of: set.name.text, in: .referenceValues) != nil
                try transaction.write(set, as: written, at: time)
                transaction.append(record(set, isThere))
            }
        }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(
            name, from: .referenceValues,
            unless: "SELECT 1 FROM policy_references WHERE reference_values = $1 LIMIT 1", expecting: expected,
            recording: record)
    }

    public func references(_ name: PolicyName) async throws -> StoredReferenceValues? {
        try await lookUp("\(Self.selectReferences) WHERE name = $1", [.text(name.text)]).first.map {
            try StoredReferenceValues(row: $0)
        }
    }

    public func references(after name: String, limit: Int) async throws -> [StoredReferenceValues] {
        try await scan(
            "\(Self.selectReferences) WHERE name > $1 ORDER BY name LIMIT $2", [.text(name), .integer(limit)]
        ).rows.map { try StoredReferenceValues(row: $0) }
    }

    private static let selectReferences =
        "SELECT name, kind, digests, source, expires, revision, changed FROM reference_values"

    /// - Parameter use: finds what refers to it.
    private func remove(
        _ name: PolicyName, from table: SharedRows, unless use: String, expecting expected: Revision.Expectation?,
        recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await change { transaction in
            _ = try transaction.nextRevision()
            // From here until the commit nobody makes anything refer to it; who was about to has done so.
            let found = try transaction.run(
                "SELECT revision FROM \(table.rawValue) WHERE name = $1 FOR UPDATE", [.text(name.text)], alone: table)
            guard let revision = try found.first?.integer(0) else { return .missing }
            if let expected, !expected.holds(for: Revision(revision)) { return .changed }
            guard try transaction.run(use, [.text(name.text)]).first == nil else { return .inUse }
            try transaction.run("DELETE FROM \(table.rawValue) WHERE name = $1", [.text(name.text)])
            transaction.append(record)
            return .done
        }
    }
}

extension Transaction {
    /// A number that no state of a policy or of reference values ever had. Others who change one wait until this is
    /// committed.
    fileprivate func nextRevision() throws -> Revision {
        let next = try run(Revision.next)
        guard let first = next.first else { throw UnexpectedAnswer(description: "there is no next revision") }
        return Revision(try first.integer(0))
    }

    fileprivate func write(_ references: ReferenceValueSet, as written: Revision, at time: Date) throws {
        try run(
            """
            INSERT INTO reference_values (name, kind, digests, source, expires, revision, changed)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, digests = excluded.digests,
                source = excluded.source, expires = excluded.expires, revision = excluded.revision,
                changed = excluded.changed
            """,
            [
                .text(references.name.text), .text(references.kind.rawValue), .bytes(references.valuesColumn),
                .text(references.source), .integer(references.expires?.seconds), .integer(written.number),
                .integer(time.seconds),
            ], alone: .referenceValues)
    }

    fileprivate func revision(of name: String, in table: SharedRows) throws -> Revision? {
        try run("SELECT revision FROM \(table.rawValue) WHERE name = $1", [.text(name)]).first.map {
            Revision(try $0.integer(0))
        }
    }
}

extension StoredPolicy {
    /// From the columns rules, document, revision, changed.
    fileprivate init(row: ResultRow) throws {
        self.init(
            policy: try ResourcePolicy(rules: row.text(0)), document: try row.text(1),
            revision: Revision(try row.integer(2)), changed: Date(seconds: try row.integer(3)))
    }
}

extension StoredReferenceValues {
    /// From the columns name, kind, digests, source, expires, revision, changed.
    fileprivate init(row: ResultRow) throws {
        self.init(
            set: try ReferenceValueSet(
                name: row.text(0), kind: row.text(1), digests: row.bytes(2), source: row.text(3),
                expires: row.optionalInteger(4)),
            revision: Revision(try row.integer(5)), changed: Date(seconds: try row.integer(6)))
    }
}
