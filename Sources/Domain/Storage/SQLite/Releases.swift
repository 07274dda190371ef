public import Broker
public import FoundationEssentials
import SQLite

extension SQLiteStore {
    public func record(
        _ release: ResourceRelease, at time: Date, recording record: AuditRecord
    ) async throws -> ResourceReleaseOutcome {
        try await writes.perform { database in
            if case .attested(let guest) = release.reader {
                guard try database.first(SessionReads.isOpen(guest, at: time)) != nil else { return .ended }
            }
            guard try database.first(DenialReads.lastChange(after: release.denyListState)) == nil else {
                return .changed
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

    /// Changes no row when the guest was ended after its token was issued.
    private static let keepForeignGuest: SQLText = """
        INSERT INTO foreign_guests (\(StoredForeignGuest.columnList)) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?6)
        ON CONFLICT (id) DO UPDATE SET tee = excluded.tee, chip = excluded.chip, ends = max(ends, excluded.ends),
            expires = max(expires, excluded.expires) WHERE barred < ?7
        """
}

extension Database {
    /// A policy's stamp as it is in the open transaction, to be compared with the one a decision was based on.
    fileprivate func policyStamp(_ name: PolicyName) throws -> PolicyInForce.Stamp? {
        guard let revision = try first(PolicyReads.revision(of: name.text, in: .policies)) else { return nil }
        return PolicyInForce.Stamp(policy: revision, references: try rows(PolicyReads.referenceRevisions(of: name)))
    }
}
