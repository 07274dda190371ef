public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: PolicyStore {
    public func set(
        _ policy: Policy, document: String, expecting expected: Revision.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> PolicySetOutcome {
        let rules = policy.json
        return try await change { change in
            let name = policy.name.text
            let revision = try change.first(PolicyReads.revision(of: name, in: .policies))
            if let expected, !expected.holds(for: revision) { return .changed }
            let unknown = try policy.referenceNames.filter {
                try change.first(PolicyReads.revision(of: $0.text, in: .referenceValues)) == nil
            }
            guard unknown.isEmpty else { return .unknownReferences(unknown) }
            let written = try change.nextRevision()
            // An upsert and not a replacement: resources refer to the row.
            try change.execute(
                PolicyWrites.policy,
                [.text(name), .text(document), .text(rules), .integer(written.number), .time(time)])
            try change.execute("DELETE FROM policy_references WHERE policy = ?1", [.text(name)])
            for reference in policy.referenceNames {
                try change.execute(
                    "INSERT INTO policy_references (policy, reference_values) VALUES (?1, ?2)",
                    [.text(name), .text(reference.text)])
            }
            try change.list(policy, document: document, rules: rules, written)
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
        try await change { change in
            let names = settings.map(\.set.name.text)
            let there = try names.map { try change.first(PolicyReads.revision(of: $0, in: .referenceValues)) }
            guard zip(settings, there).allSatisfy({ $0.expected?.holds(for: $1) ?? true }) else { return nil }
            return try settings.map { setting in
                let written = try change.nextRevision()
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
        try await change { change in
            guard let revision = try change.first(PolicyReads.revision(of: name.text, in: table)) else {
                return .missing
            }
            if let expected, !expected.holds(for: revision) { return .changed }
            // Resource versions under the policy lose it with its removal.
            let resources = table == .policies ? try change.resources(putUnder: name) : []
            let found = try resources.compactMap { try change.found($0) }
            do {
                try change.execute("DELETE FROM \(table.rawValue) WHERE name = ?1", [.text(name.text)])
            } catch let error as DatabaseError where error.resultCode == .constraint {
                // Another row refers to it, and the row was not removed.
                return .inUse
            }
            try change.list(table.removed(name))
            if let history { try change.write(history, as: try change.nextRevision()) }
            for (resource, versions) in found {
                _ = try change.list(resource, versions.with(policy: nil) { $0.policy == name })
            }
            try change.append(record)
            return .done
        }
    }
}

extension Database {
    /// A policy's stamp as it is in the open transaction, to be compared with the one a decision was based on.
    func policyStamp(_ name: PolicyName) throws -> PolicyInForce.Stamp? {
        guard let revision = try first(PolicyReads.revision(of: name.text, in: .policies)) else { return nil }
        return PolicyInForce.Stamp(policy: revision, references: try rows(PolicyReads.referenceRevisions(of: name)))
    }
}
