import Broker
import Evidence
import FoundationEssentials

extension WritingStore {
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome {
        try await decide { change in
            let id = registration.id.text
            // Also against a concurrent put of a resource with this name.
            try change.takeTurn(at: id)
            let revision = try change.lockedRevision(of: id)
            if let expected, !expected.holds(for: revision) { return .changed }
            let found = try change.foundForReplacing(registration.id)
            guard revision == nil || replacing else { return .exists }
            if (try? ResourcePath(id)) != nil, try change.first(ResourceReads.exists(id)) != nil { return .isResource }
            guard try !change.isRetired(sealed.masterKey) else { return .keyRetired }
            guard try change.knows(registration.launch.policyName) else { return .unknownPolicy }
            if revision != nil { try change.execute("DELETE FROM workloads WHERE id = ?1", [.text(id)]) }
            let workload = try change.insert(registration, isDisabled: found?.isDisabled ?? false, at: time)
            try change.execute(
                "INSERT INTO secrets (workload, sealed, master_key) VALUES (?1, ?2, ?3)",
                [.integer(workload.row), .bytes(sealed.bytes), .text(sealed.masterKey)])
            try change.list([ManifestEntry(workload)])
            try change.append(record(revision != nil))
            return .done(workload, replaced: revision != nil)
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
        isRemoval: Bool = false,
        _ body: @escaping @Sendable (any ManifestedTransaction, Workload) throws -> ManifestEntry
    ) async throws -> ChangeOutcome {
        try await decide { change in
            // Locks the workload also while it has no row, or another one: one that is registered meanwhile would be
            // missed, or listed as absent.
            try change.takeTurn(at: id.text)
            let revision = try change.lockedRevision(of: id.text)
            if let revision, let expected, !expected.holds(for: revision) { return .changed }
            guard let workload = isRemoval ? try change.foundForRemoval(id) : try change.found(id) else {
                // A row that an attacker has hidden must not be valid if it comes back.
                if isRemoval { try change.list([.absent(.workload, id.text)]) }
                return .missing
            }
            try change.list([try body(change, workload)])
            try change.append(record)
            return .done
        }
    }
}

extension ManifestedTransaction {
    /// A workload's revision, locked until the commit against changes and new sessions.
    fileprivate func lockedRevision(of id: String) throws -> Workload.Revision? {
        let read = Read(
            SQLText("SELECT row, disabled FROM workloads WHERE id = ?1", lock: "FOR UPDATE"), [.text(id)]
        ) { Workload.Revision(row: try $0.integer(0), isDisabled: try $0.flag(1)) }
        return try first(read, alone: .workloads)
    }

    fileprivate func insert(_ registration: Registration, isDisabled: Bool, at time: Date) throws -> Workload {
        let launch = registration.launch
        let insert = Read(
            """
            INSERT INTO workloads (id, tee, digest, guest_policy, policy, tee_config, registered, disabled)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING row
            """,
            [
                .text(registration.id.text), .text(launch.technology), .bytes(launch.measurement ?? []),
                .integer(launch.guestPolicyColumn), .text(launch.policyName?.text),
                .text(registration.configuration), .time(time), .integer(isDisabled ? 1 : 0),
            ]
        ) { row in
            Workload(
                row: try row.integer(0), id: registration.id, launch: launch,
                configuration: registration.configuration, registered: Date(seconds: time.seconds),
                isDisabled: isDisabled)
        }
        guard let workload = try first(insert) else {
            throw UnexpectedAnswer(description: "a workload that was inserted has no row")
        }
        return workload
    }

    /// A workload to be replaced, of which only the disabling is taken over: one that differs from the manifest counts
    /// as disabled.
    fileprivate func foundForReplacing(_ id: WorkloadID) throws -> Workload? {
        do { return try found(id) } catch let violation as ManifestViolation {
            // Whether a hidden row was disabled is unknown.
            guard let workload = try first(WorkloadReads.plain(id)) else { throw violation }
            return workload.disabled(true)
        }
    }

    /// A workload to be removed, whether or not it agrees with the manifest.
    fileprivate func foundForRemoval(_ id: WorkloadID) throws -> Workload? {
        do { return try found(id) } catch is ManifestViolation { return try first(WorkloadReads.plain(id)) }
    }

    /// A workload that agrees with the manifest.
    fileprivate func found(_ id: WorkloadID) throws -> Workload? {
        try genuine(WorkloadReads.plain(id)) { [$0.map { ManifestEntry($0) } ?? .absent(.workload, id.text)] }
    }
}

extension Workload {
    fileprivate func disabled(_ isDisabled: Bool) -> Workload {
        Workload(
            row: row, id: id, launch: launch, configuration: configuration, registered: registered,
            isDisabled: isDisabled)
    }
}
