public import Broker
import Evidence
public import FoundationEssentials
import SQLite

extension SQLiteStore: Store {}

extension SQLiteStore {
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome {
        try await change { change in
            let id = registration.id
            let found = try change.foundForReplacing(id)
            if let expected, !expected.holds(for: found?.revision) { return .changed }
            guard found == nil || replacing else { return .exists }
            guard try change.first(ResourceReads.exists(id.text)) == nil else { return .isResource }
            guard try !change.isRetired(sealed.masterKey) else { return .keyRetired }
            guard try change.knows(registration.launch.policyName) else { return .unknownPolicy }
            if found != nil { try change.execute("DELETE FROM workloads WHERE id = ?1", [.text(id.text)]) }
            let isDisabled = found?.isDisabled ?? false
            try change.execute(WorkloadWrites.insert, registration.columns(isDisabled: isDisabled, at: time))
            let row = change.database.lastInsertedRowID
            try change.execute(
                "INSERT INTO secrets (workload, sealed, master_key) VALUES (?1, ?2, ?3)",
                [.integer(row), .bytes(sealed.bytes), .text(sealed.masterKey)])
            let workload = Workload(
                row: row, id: id, launch: registration.launch, configuration: registration.configuration,
                registered: Date(seconds: time.seconds), isDisabled: isDisabled)
            try change.list([ManifestEntry(workload)])
            try change.append(record(found != nil))
            return .done(workload, replaced: found != nil)
        }
    }

    public func remove(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record, isRemoval: true) { change, _ in
            try change.execute("DELETE FROM workloads WHERE id = ?1", [.text(id.text)])
            return .absent(.workload, id.text)
        }
    }

    public func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record) { change, workload in
            try change.execute(
                "UPDATE workloads SET disabled = ?1 WHERE id = ?2", [.integer(isDisabled ? 1 : 0), .text(id.text)])
            return ManifestEntry(workload.disabled(isDisabled))
        }
    }

    private func change(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord,
        isRemoval: Bool = false, _ body: @escaping @Sendable (SQLiteChange, Workload) throws -> ManifestEntry
    ) async throws -> ChangeOutcome {
        try await change { change in
            let found = isRemoval ? try change.foundForRemoval(id) : try change.found(id)
            guard let workload = found else {
                // A row that an attacker has hidden must not be valid if it comes back.
                if isRemoval { try change.list([.absent(.workload, id.text)]) }
                return .missing
            }
            if let expected, !expected.holds(for: workload.revision) { return .changed }
            try change.list([try body(change, workload)])
            try change.append(record)
            return .done
        }
    }
}
