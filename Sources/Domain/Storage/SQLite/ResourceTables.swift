public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore: ResourceStore {
    public func put(
        _ new: NewResourceVersion, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> ResourcePutOutcome {
        try await change { change in
            let before = try change.found(new.path)
            let found = before?.resource
            if let expected, !expected.holds(for: found?.revision) { return .changed }
            guard try change.first(WorkloadReads.exists(new.path.text)) == nil else { return .isWorkload }
            guard new.number == (found?.latest ?? 0) + 1 else { return .overtaken }
            guard try !change.isRetired(new.sealed.masterKey) else { return .keyRetired }
            guard try change.knows(new.policy?.name) else { return .unknownPolicy }
            let name = new.policy.map(\.name) ?? found?.policy
            let policy = Value.text(name?.text)
            let (number, now) = (Value.integer(new.number), Value.time(time))
            let row: Resource.Row
            if let found {
                row = found.row
                try change.execute(ResourceWrites.next, [policy, number, now, .integer(row)])
            } else {
                try change.execute(
                    """
                    INSERT INTO resources (path, policy, current, latest, change, created, changed)
                    VALUES (?1, ?2, ?3, ?3, 1, ?4, ?4)
                    """, [.text(new.path.text), policy, number, now])
                row = change.database.lastInsertedRowID
            }
            let resource = try change.put(new, in: row, over: before, policy: name, at: time)
            try change.append(record(found != nil))
            return .done(resource, replaced: found != nil)
        }
    }

    public func removeResource(
        _ path: ResourcePath, expecting expected: Resource.Expectation?, recording record: AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await change { change in
            guard let found = try change.foundForRemoval(path) else {
                try change.list(ManifestEntry.absent(path))
                return .missing
            }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            try change.execute("DELETE FROM resources WHERE row = ?1", [.integer(found.row)])
            try change.list(ManifestEntry.absent(path))
            try change.append(record)
            return .done
        }
    }

    public func changeResource(
        _ path: ResourcePath, _ wanted: ResourceChange, expecting expected: Resource.Expectation?, at time: Date,
        recording record: @escaping @Sendable (_ policy: PolicyName?) -> AuditRecord
    ) async throws -> ResourceChangeOutcome {
        try await change { change in
            guard let (found, kept) = try change.found(path) else { return .missing }
            if let expected, !expected.holds(for: found.revision) { return .changed }
            var (policy, current, isDisabled) = (found.policy, found.current, found.isDisabled)
            var versions = kept
            switch wanted {
            case .disabled(let value): isDisabled = value
            case .policy(let choice):
                guard try change.knows(choice.name) else { return .unknownPolicy }
                policy = choice.name
                versions = kept.with(policy: policy)
                try change.execute(ResourceWrites.policy, [.text(policy?.text), .integer(found.row)])
            case .current(let number):
                guard let version = versions.first(where: { $0.number == number }) else { return .unknownVersion }
                (policy, current) = (version.policy, version)
            }
            try change.execute(
                ResourceWrites.change,
                [
                    .text(policy?.text), .integer(current.number), .integer(isDisabled ? 1 : 0), .time(time),
                    .integer(found.row),
                ])
            _ = try change.list(found.changed(policy: policy, current: current, isDisabled: isDisabled), versions)
            try change.append(record(policy))
            return .done
        }
    }

    public func record(
        _ release: ResourceRelease, at time: Date, recording record: AuditRecord
    ) async throws -> ResourceReleaseOutcome {
        try await writes.perform { database in
            if case .attested(let guest) = release.reader {
                guard try database.first(SessionReads.isOpen(guest, at: time)) != nil else { return .ended }
            }
            switch release.source {
            case .resource(let resource, let stamp):
                guard let policy = resource.policy,
                    try database.first(ResourceReads.resource(resource.path)) == resource,
                    try database.policyStamp(policy) == stamp
                else { return .changed }
            case .workload(let workload, let stamp):
                if let policy = workload.launch.policyName {
                    guard try database.policyStamp(policy) == stamp else { return .changed }
                }
                guard try database.first(WorkloadReads.isEnabled(workload.row)) != nil else { return .changed }
            }
            if case .foreign(let guest) = release.reader {
                try database.execute(Self.keepForeignGuest, guest.columns(at: time))
                guard database.changesCount > 0 else { return .ended }
            }
            try database.append(record)
            return .done
        }
    }
}

extension SQLiteStore {
    /// Changes no row when the guest was ended after its token was issued.
    fileprivate static let keepForeignGuest: SQLText = """
        INSERT INTO foreign_guests (\(StoredForeignGuest.columnList)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?6)
        ON CONFLICT (id) DO UPDATE SET tee = excluded.tee, chip = excluded.chip, ends = max(ends, excluded.ends),
            expires = max(expires, excluded.expires) WHERE barred < ?7
        """
}

extension SQLiteChange {
    /// Whether a policy exists. `nil`, for no policy, always does.
    func knows(_ policy: PolicyName?) throws -> Bool {
        guard let name = policy else { return true }
        return try first(PolicyReads.revision(of: name.text, in: .policies)) != nil
    }
}
