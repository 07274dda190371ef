public import Broker
import Evidence
public import FoundationEssentials
import PostgreSQL

extension PostgreSQLStore: Store {}

extension PostgreSQLStore {
    public func register(
        _ registration: Registration, sealed: Sealed, replacing: Bool, expecting expected: Workload.Expectation?,
        at time: Date, recording record: @escaping @Sendable (_ replaced: Bool) -> AuditRecord
    ) async throws -> RegistrationOutcome {
        try await decide { transaction in
            let id = registration.id.text
            // A resource can have the name too: lock it against a concurrent put.
            let isPath = (try? ResourcePath(id)) != nil
            if isPath { try transaction.takeTurn(at: id) }
            let revision = try transaction.lockedRevision(of: id)
            if let expected, !expected.holds(for: revision) { return .changed }
            let found = try transaction.foundForReplacing(registration.id)
            guard revision == nil || replacing else { return .exists }
            if isPath, try transaction.first(ResourceReads.exists(id)) != nil { return .isResource }
            guard try !transaction.isRetired(sealed.masterKey) else { return .keyRetired }
            guard try transaction.knows(registration.launch.policyName.map { .named($0) }) else {
                return .unknownPolicy
            }
            if revision != nil { try transaction.run("DELETE FROM workloads WHERE id = $1", [.text(id)]) }
            let isDisabled = found?.isDisabled ?? false
            let result: QueryResult
            do {
                result = try transaction.run(
                    Self.insertWorkload,
                    registration.columns(isDisabled: isDisabled, at: time) + [
                        .bytes(sealed.bytes), .text(sealed.masterKey),
                    ])
            } catch let error as PostgreSQLError where error.sqlState == PostgreSQLError.uniqueViolation {
                // Another server registered it after the read above.
                throw RetryTransaction()
            }
            guard let row = try result.first?.integer(0) else {
                throw UnexpectedAnswer(description: "a workload that was inserted has no row")
            }
            let workload = Workload(
                row: row, id: registration.id, launch: registration.launch, configuration: registration.configuration,
                registered: Date(seconds: time.seconds), isDisabled: isDisabled)
            transaction.list([ManifestEntry(workload)])
            transaction.append(record(revision != nil))
            return .done(workload, replaced: revision != nil)
        }
    }

    private static let insertWorkload = """
        WITH w AS (\(WorkloadWrites.insert.postgreSQL) RETURNING row),
            x AS (INSERT INTO secrets (workload, sealed, master_key) SELECT w.row, $9, $10 FROM w)
        SELECT w.row FROM w
        """

    public func remove(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record, isRemoval: true) { transaction, _ in
            try transaction.run("DELETE FROM workloads WHERE id = $1", [.text(id.text)])
            return .absent(.workload, id.text)
        }
    }

    public func setDisabled(
        _ isDisabled: Bool, _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord
    ) async throws -> ChangeOutcome {
        try await change(id, expecting: expected, recording: record) { transaction, workload in
            try transaction.run(
                "UPDATE workloads SET disabled = $1 WHERE id = $2", [.integer(isDisabled ? 1 : 0), .text(id.text)])
            return ManifestEntry(workload.disabled(isDisabled))
        }
    }

    private func change(
        _ id: WorkloadID, expecting expected: Workload.Expectation?, recording record: AuditRecord,
        isRemoval: Bool = false, _ body: @escaping @Sendable (Transaction, Workload) throws -> ManifestEntry
    ) async throws -> ChangeOutcome {
        try await decide { transaction in
            guard let revision = try transaction.lockedRevision(of: id.text) else {
                // Another server may have replaced the row, in which case the read above missed the new one.
                if try transaction.run("SELECT 1 FROM workloads WHERE id = $1", [.text(id.text)]).first != nil {
                    throw RetryTransaction()
                }
                return .missing
            }
            if let expected, !expected.holds(for: revision) { return .changed }
            let found = isRemoval ? try transaction.foundForRemoval(id) : try transaction.found(id)
            guard let workload = found else {
                if isRemoval { transaction.list([.absent(.workload, id.text)]) }
                return .missing
            }
            transaction.list([try body(transaction, workload)])
            transaction.append(record)
            return .done
        }
    }
}

extension Transaction {
    /// A workload's revision, locked until the commit against changes and new sessions.
    func lockedRevision(of id: String) throws -> Workload.Revision? {
        try run(
            "SELECT row, disabled FROM workloads WHERE id = $1 FOR UPDATE", [.text(id)], alone: .workloads
        ).first.map {
            Workload.Revision(row: try $0.integer(0), isDisabled: try $0.integer(1) != 0)
        }
    }

    /// Locks the key against retirement until the commit.
    func isRetired(_ masterKey: String) throws -> Bool {
        try run("SELECT retired FROM master_keys WHERE id = $1 FOR SHARE", [.text(masterKey)]).first?
            .optionalInteger(0) != nil
    }
}
