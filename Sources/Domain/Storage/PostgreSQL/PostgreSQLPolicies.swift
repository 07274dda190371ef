public import Broker
public import FoundationEssentials
import PostgreSQL

/// Changes of policies and reference values are serialized by the row that numbers them: they are few, and each also
/// reads rows other than the one it changes.
extension PostgreSQLStore: PolicyStore {
    public func set(
        _ policy: Policy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        let rules = policy.json
        return try await decide { transaction in
            let name = policy.name.text
            let written = try transaction.nextRevision()
            let revision = try transaction.first(PolicyReads.revision(of: name, in: .policies))
            if let expected, !expected.holds(for: revision) { return .changed }
            let unknown = try policy.referenceNames.filter {
                try transaction.first(PolicyReads.revision(of: $0.text, in: .referenceValues)) == nil
            }
            guard unknown.isEmpty else { return .unknownReferences(unknown) }
            // An upsert and not a replacement: resources refer to the row.
            try transaction.run(
                PolicyWrites.policy.postgreSQL,
                [.text(name), .text(document), .text(rules), .integer(written.number), .time(time)], alone: .policies)
            try transaction.run("DELETE FROM policy_references WHERE policy = $1", [.text(name)])
            try transaction.run(
                "INSERT INTO policy_references (policy, reference_values) SELECT $1, unnest($2::text[])",
                [.text(name), .texts(policy.referenceNames.map(\.text))])
            try transaction.list(policy, document: document, rules: rules, written)
            transaction.append(record(revision != nil))
            return .done(written, replaced: revision != nil)
        }
    }

    public func removePolicy(
        _ name: PolicyName, expecting expected: Revision.Expectation?, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(
            name, from: .policies,
            unless: """
                SELECT 1 WHERE EXISTS (SELECT 1 FROM resources WHERE policy = $1)
                    OR EXISTS (SELECT 1 FROM workloads WHERE policy = $1)
                """, expecting: expected, recording: record)
    }

    // MARK: Reference values

    public func set(_ settings: [ReferenceSetting], at time: Date) async throws -> [Revision]? {
        try await decide { transaction in
            // The first revision takes the lock that serializes changes.
            let written = try settings.map { _ in try transaction.nextRevision() }
            let names = settings.map(\.set.name.text)
            let there = try names.map { try transaction.first(PolicyReads.revision(of: $0, in: .referenceValues)) }
            guard zip(settings, there).allSatisfy({ $0.expected?.holds(for: $1) ?? true }) else { return nil }
            for (setting, revision) in zip(settings, written) {
                // Waits for releases by the present set to commit.
                try transaction.run(
                    "SELECT 1 FROM reference_values WHERE name = $1 FOR UPDATE", [.text(setting.set.name.text)],
                    alone: .referenceValues)
                try transaction.write(setting, as: revision, at: time)
                transaction.append(setting.record)
            }
            return written
        }
    }

    public func removeReferences(
        _ name: PolicyName, expecting expected: Revision.Expectation?, leaving history: ReferenceChange?,
        recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        try await remove(
            name, from: .referenceValues,
            unless: "SELECT 1 FROM policy_references WHERE reference_values = $1 LIMIT 1", expecting: expected,
            leaving: history, recording: record)
    }

    /// - Parameter use: a query for rows that refer to it.
    private func remove(
        _ name: PolicyName, from kind: PolicyReads.Table, unless use: String, expecting expected: Revision.Expectation?,
        leaving history: ReferenceChange? = nil, recording record: AuditRecord
    ) async throws -> PolicyRemoveOutcome {
        let table: ContendedTable = kind == .policies ? .policies : .referenceValues
        return try await decide { transaction in
            let written = try transaction.nextRevision()
            // Until the commit no transaction can refer to the row; those that were about to have committed.
            let found = try transaction.run(
                "SELECT revision FROM \(table.rawValue) WHERE name = $1 FOR UPDATE", [.text(name.text)], alone: table)
            guard let revision = try found.first?.integer(0) else { return .missing }
            if let expected, !expected.holds(for: Revision(revision)) { return .changed }
            guard try transaction.run(use, [.text(name.text)]).first == nil else { return .inUse }
            // Resource versions under the policy lose it with its removal.
            let resources = kind == .policies ? try transaction.resources(putUnder: name) : []
            let puts = try resources.compactMap { path in
                try transaction.takeTurn(at: path.text)
                return try transaction.found(path)
            }
            try transaction.run("DELETE FROM \(table.rawValue) WHERE name = $1", [.text(name.text)])
            transaction.list(kind.removed(name))
            if let history { try transaction.write(history, as: written) }
            for (resource, versions) in puts {
                _ = try transaction.list(resource, versions.with(policy: nil) { $0.policy == name })
            }
            transaction.append(record)
            return .done
        }
    }
}
