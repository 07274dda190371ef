import Broker
import FoundationEssentials

/// Changes of policies and reference values are serialized by the table that numbers them: they are few, and each also
/// reads rows other than the one it changes.
extension WritingStore {
    public func set(
        _ policy: Policy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        let rules = policy.json
        return try await decide { change in
            let name = policy.name.text
            try change.lock("revisions")
            let revision = try change.first(PolicyReads.revision(of: name, in: .policies))
            if let expected, !expected.holds(for: revision) { return .changed }
            let unknown = try policy.referenceNames.filter {
                try change.first(PolicyReads.revision(of: $0.text, in: .referenceValues)) == nil
            }
            guard unknown.isEmpty else { return .unknownReferences(unknown) }
            let written = try change.nextRevision()
            // An upsert and not a replacement: resources refer to the row.
            try change.execute(
                """
                INSERT INTO policies (name, document, rules, revision, changed) VALUES (?1, ?2, ?3, ?4, ?5)
                ON CONFLICT (name) DO UPDATE SET document = excluded.document, rules = excluded.rules,
                    revision = excluded.revision, changed = excluded.changed
                """, [.text(name), .text(document), .text(rules), .integer(written.number), .time(time)],
                alone: .policies)
            try change.execute("DELETE FROM policy_references WHERE policy = ?1", [.text(name)])
            for reference in policy.referenceNames {
                try change.execute(
                    "INSERT INTO policy_references (policy, reference_values) VALUES (?1, ?2)",
                    [.text(name), .text(reference.text)])
            }
            try change.list([
                ManifestEntry(policy.name, rules: rules, revision: written.number),
                ManifestEntry(policy.name, document: document),
            ])
            try change.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(name, from: .policies, expecting: expected, recording: record)
    }

    // MARK: Reference values

    public func set(_ settings: [ReferenceSetting], at time: Date) async throws -> [Revision]? {
        try await decide { change in
            try change.lock("revisions")
            let names = settings.map(\.set.name.text)
            let there = try names.map { try change.first(PolicyReads.revision(of: $0, in: .referenceValues)) }
            guard zip(settings, there).allSatisfy({ $0.expected?.holds(for: $1) ?? true }) else { return nil }
            return try settings.map { setting in
                let written = try change.nextRevision()
                // Waits for releases by the present set to commit.
                _ = try change.lockedRevision(of: setting.set.name, in: .referenceValues)
                try change.write(setting, as: written, at: time)
                try change.append(setting.record)
                return written
            }
        }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation?, leaving history: ReferenceChange?,
        recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(name, from: .referenceValues, expecting: expected, leaving: history, recording: record)
    }

    private func remove(
        _ name: PolicyName, from table: PolicyReads.Table, expecting expected: Revision.Expectation?,
        leaving history: ReferenceChange? = nil, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await decide { change in
            try change.lock("revisions")
            // Until the commit no transaction can refer to the row; those that were about to have committed.
            guard let revision = try change.lockedRevision(of: name, in: table) else { return .missing }
            if let expected, !expected.holds(for: revision) { return .changed }
            guard try change.first(table.use(of: name)) == nil else { return .inUse }
            // Resource versions under the policy lose it with its removal.
            let resources = table == .policies ? try change.resources(putUnder: name) : []
            let found = try resources.compactMap { path in
                try change.takeTurn(at: path.text)
                return try change.found(path)
            }
            try change.execute("DELETE FROM \(table.rawValue) WHERE name = ?1", [.text(name.text)])
            try change.list(table.removed(name))
            if let history { try change.write(history, as: change.nextRevision()) }
            for (resource, versions) in found {
                _ = try change.list(resource, versions.with(policy: nil) { $0.policy == name })
            }
            try change.append(record)
            return .done
        }
    }
}

extension ManifestedTransaction {
    /// A revision that no policy or set of reference values ever had.
    ///
    /// It is stored in a row, and not counted by the database itself: so a copy continues it, and no database gives a
    /// revision that the one it was copied from gave.
    fileprivate func nextRevision() throws -> Revision {
        let next = Read(
            """
            INSERT INTO revisions (one, last) VALUES (1, 1)
            ON CONFLICT (one) DO UPDATE SET last = revisions.last + 1 RETURNING last
            """
        ) { Revision(try $0.integer(0)) }
        guard let next = try first(next) else { throw UnexpectedAnswer(description: "there is no next revision") }
        return next
    }

    /// A row's revision, locked until the commit against changes, releases and new references.
    fileprivate func lockedRevision(of name: PolicyName, in table: PolicyReads.Table) throws -> Revision? {
        try first(
            PolicyReads.revision(of: name.text, in: table, lock: "FOR UPDATE"),
            alone: table == .policies ? .policies : .referenceValues)
    }

    fileprivate func write(_ setting: ReferenceSetting, as written: Revision, at time: Date) throws {
        let columns = ReferenceColumns(setting.set, written)
        let provenance = setting.set.provenanceColumn
        try execute(
            """
            INSERT INTO reference_values (\(ReferenceColumns.list), changed, provenance)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, digests = excluded.digests,
                periods = excluded.periods, superseded_by = excluded.superseded_by, source = excluded.source,
                revision = excluded.revision, changed = excluded.changed, provenance = excluded.provenance
            """, columns.values + [.time(time), .text(provenance)])
        try list([ManifestEntry(columns), ManifestEntry(columns.name, provenance: provenance)])
        try write(setting.change, as: written)
    }

    /// Writes an entry of a set's history, and removes all but the latest entries.
    fileprivate func write(_ change: ReferenceChange, as written: Revision) throws {
        let name = Value.text(change.name.text)
        try execute(
            "INSERT INTO reference_history (name, revision, time, actor, change) VALUES (?1, ?2, ?3, ?4, ?5)",
            [name, .integer(written.number), .time(change.time), .text(change.actor), .text(change.json)])
        try execute(
            """
            DELETE FROM reference_history WHERE name = ?1 AND revision <= (SELECT revision FROM reference_history
                WHERE name = ?1 ORDER BY revision DESC LIMIT 1 OFFSET ?2)
            """, [name, .integer(ReferenceChange.mostEntries)])
    }
}

extension PolicyReads.Table {
    /// Whether a row refers to one of this table.
    fileprivate func use(of name: PolicyName) -> Read<Bool> {
        let text: SQLText =
            switch self {
            case .policies:
                """
                SELECT 1 WHERE EXISTS (SELECT 1 FROM resources WHERE policy = ?1)
                    OR EXISTS (SELECT 1 FROM workloads WHERE policy = ?1)
                """
            case .referenceValues: "SELECT 1 FROM policy_references WHERE reference_values = ?1 LIMIT 1"
            }
        return Read(text, [.text(name.text)]) { _ in true }
    }

    /// The manifest's entries of a removed row.
    fileprivate func removed(_ name: PolicyName) -> [ManifestEntry] {
        switch self {
        case .policies: [.absent(.policy, name.text), .absent(.document, name.text)]
        case .referenceValues: [.absent(.references, name.text), .absent(.provenance, name.text)]
        }
    }
}

extension ReferenceColumns {
    /// In the order of ``list``.
    fileprivate var values: [Value] {
        [
            .text(name), .text(kind), .bytes(digests), .bytes(periods), .text(supersededBy), .text(source),
            .integer(revision),
        ]
    }
}
