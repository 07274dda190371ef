public import Broker
public import FoundationEssentials
import PostgreSQL

/// A change or creation under a path first takes the name's lock and then reads: of two servers that do so at once, the
/// second sees the first one's change.
extension PostgreSQLStore: ResourceStore {
    public func put(
        _ new: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome {
        try await decide { transaction in
            try transaction.takeTurn(at: new.path.text)
            let before = try transaction.found(new.path)
            let found = before?.resource
            if let expected, !expected.holds(for: found?.revision) { return .changed }
            guard try transaction.first(WorkloadReads.exists(new.path.text)) == nil else { return .isWorkload }
            guard new.number == (found?.latest ?? 0) + 1 else { return .overtaken }
            guard try !transaction.isRetired(new.sealed.masterKey) else { return .keyRetired }
            guard try transaction.knows(new.policy) else { return .unknownPolicy }
            let name = new.policy.map(\.name) ?? found?.policy
            let policy = Value.text(name?.text)
            let (number, now) = (Value.integer(new.number), Value.integer(time.seconds))
            let row: Resource.Row
            if let found {
                row = found.row
                try transaction.run(
                    ResourceWrites.next.postgreSQL, [policy, number, now, .integer(row)], alone: .resources)
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
            let resource = try transaction.put(new, in: row, over: before, policy: name, at: time)
            transaction.append(record(found != nil))
            return .done(resource, replaced: found != nil)
        }
    }

    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await decide { transaction in
            try transaction.takeTurn(at: path.text)
            guard let found = try transaction.foundForRemoval(path) else {
                transaction.list(ManifestEntry.absent(path))
                return .missing
            }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            try transaction.run("DELETE FROM resources WHERE row = $1", [.integer(found.row)], alone: .resources)
            transaction.list(ManifestEntry.absent(path))
            transaction.append(record)
            return .done
        }
    }

    public func changeResource(
        _ path: ResourcePath, _ change: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await decide { transaction in
            try transaction.takeTurn(at: path.text)
            guard let (found, kept) = try transaction.found(path) else { return .missing }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            var (policy, current, isDisabled) = (found.policy, found.current, found.isDisabled)
            var versions = kept
            switch change {
            case .disabled(let value): isDisabled = value
            case .policy(let choice):
                guard try transaction.knows(choice) else { return .unknownPolicy }
                policy = choice.name
                versions = kept.with(policy: policy)
                try transaction.execute(ResourceWrites.policy, [.text(policy?.text), .integer(found.row)])
            case .current(let number):
                guard let version = kept.first(where: { $0.number == number }) else { return .unknownVersion }
                // Locks the policy against removal until the commit.
                guard try transaction.knows(version.policy.map { .named($0) }) else { throw RetryTransaction() }
                (policy, current) = (version.policy, version)
            }
            try transaction.run(
                ResourceWrites.change.postgreSQL,
                [
                    .text(policy?.text), .integer(current.number), .integer(isDisabled ? 1 : 0), .time(time),
                    .integer(found.row),
                ], alone: .resources)
            _ = try transaction.list(
                found.changed(policy: policy, current: current, isDisabled: isDisabled), versions)
            transaction.append(record(policy))
            return .done
        }
    }

}

extension Transaction {
    /// Locks a name until the end of the transaction, also when no row has the name yet.
    ///
    /// Workloads and resources share their names.
    func takeTurn(at name: String) throws {
        try run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [.text(name)])
    }

    /// Whether the chosen policy exists; `nil` and `none` always do. The policy is locked against removal until the
    /// commit.
    func knows(_ choice: PolicyChoice?) throws -> Bool {
        guard let name = choice?.name else { return true }
        return try run("SELECT 1 FROM policies WHERE name = $1 FOR KEY SHARE", [.text(name.text)]).first != nil
    }
}
