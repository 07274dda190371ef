public import Broker
public import FoundationEssentials
import PostgreSQL

/// The rows that a release was decided on are read again in the statement that records it, and locked (`FOR SHARE`)
/// until the commit: the resource, its policy, the reference values that it names, the guest. A change of one of them
/// and the release wait for each other; so the trail has both in the order in which they took effect. A denial and a
/// release wait for each other at the trail's head: see ``PipelinedWrite``.
extension PostgreSQLStore {
    public func record(
        _ release: ResourceRelease, at time: Date, recording record: AuditRecord
    ) async throws -> ResourceReleaseOutcome {
        guard let (query, order) = Self.query(release, at: time) else { return .changed }
        let isDone = try await write(
            query, orderedBy: order, recording: [record], ifDenialsAreOf: release.denyListState)
        if isDone { return .done }
        // Nothing was recorded: find out why.
        switch release.reader {
        case .attested(let guest):
            return try await first(SessionReads.isOpen(guest, at: time)) == nil ? .ended : .changed
        case .foreign(let guest):
            let barred = try await first(
                Read(
                    "SELECT 1 FROM foreign_guests WHERE id = ?1 AND barred >= ?2",
                    [.bytes(guest.id), .time(guest.issued)]
                ) { _ in true })
            return barred == nil ? .changed : .ended
        }
    }

    /// - Returns: `nil` for a release that cannot be right, such as of a resource without a policy. `order` is the
    ///   session's id: locks are taken in its order, as ending many sessions takes them.
    private static func query(_ release: ResourceRelease, at time: Date) -> (query: Query, order: [UInt8])? {
        let reader: [Value]
        let id: [UInt8]
        let isForeign: Bool
        switch release.reader {
        case .attested(let guest): (reader, id, isForeign) = ([.bytes(guest), .time(time)], guest, false)
        case .foreign(let guest): (reader, id, isForeign) = (guest.columns(at: time), guest.id, true)
        }
        switch release.source {
        case .resource(let resource, let stamp):
            guard let policy = resource.policy else { return nil }
            let values: [Value] = [.integer(resource.row), .integer(resource.change)] + under(policy, stamp)
            // A foreign guest's row is updated and not shared.
            return (Query(isForeign ? resourceForForeign : resourceForGuest, values + reader), id)
        case .workload(let workload, let stamp):
            // Another verifier's guests get no workload's secret.
            guard !isForeign else { return nil }
            switch (workload.launch.policyName, stamp) {
            case (nil, _): return (Query(workloadForGuest, [.integer(workload.row)] + reader), id)
            case (let policy?, let stamp?):
                return (Query(workloadUnderPolicy, [.integer(workload.row)] + under(policy, stamp) + reader), id)
            case (_?, nil): return nil
            }
        }
    }

    private static func under(_ policy: PolicyName, _ stamp: PolicyInForce.Stamp) -> [Value] {
        [
            .text(policy.text), .integer(stamp.policy.number), .integers(stamp.references.map(\.number)),
            .integer(stamp.references.count),
        ]
    }

    /// A policy's revision fixes the sets that it names, and a set's revision its values: as many sets with the
    /// expected revisions as before are the same sets.
    private static let resource = """
        WITH r AS MATERIALIZED (SELECT policy FROM resources
                WHERE row = $1 AND change = $2 AND policy = $3 AND disabled = 0 FOR SHARE),
        \(policy(of: "r", revision: "$4", references: "$5"))
        """

    /// - Parameter rows: a relation with a column `policy`, the policy's name.
    private static func policy(of rows: String, revision: String, references: String) -> String {
        """
            p AS MATERIALIZED (SELECT t.name FROM \(rows) r JOIN policies t ON t.name = r.policy
                WHERE t.revision = \(revision) FOR SHARE OF t),
            v AS MATERIALIZED (SELECT x.name FROM p JOIN policy_references u ON u.policy = p.name
                JOIN reference_values x ON x.name = u.reference_values
                WHERE x.revision = ANY (\(references)) FOR SHARE OF x)
        """
    }

    private static let resourceForGuest = """
        \(resource)
        SELECT 1 FROM p, sessions g
        WHERE (SELECT count(*) FROM v) = $6 AND g.id = $7 AND g.expires > $8 FOR SHARE OF g
        """

    /// Stores the guest, unless it was ended after its token was issued.
    private static let resourceForForeign = """
        \(resource),
            f AS (INSERT INTO foreign_guests (\(StoredForeignGuest.columnList))
                SELECT $7, $8, $9, $10, $11, $12, 0, $12 FROM p WHERE (SELECT count(*) FROM v) = $6
                ON CONFLICT (id) DO UPDATE SET tee = excluded.tee, chip = excluded.chip,
                    ends = greatest(foreign_guests.ends, excluded.ends),
                    expires = greatest(foreign_guests.expires, excluded.expires)
                WHERE foreign_guests.barred < $13 RETURNING 1)
        SELECT 1 FROM f
        """

    private static let workload =
        "WITH w AS MATERIALIZED (SELECT row FROM workloads WHERE row = $1 AND disabled = 0 FOR SHARE)"

    private static let workloadForGuest =
        "\(workload) SELECT 1 FROM w, sessions g WHERE g.id = $2 AND g.expires > $3 FOR SHARE OF g"

    private static let workloadUnderPolicy = """
        WITH w AS MATERIALIZED (SELECT policy FROM workloads
                WHERE row = $1 AND policy = $2 AND disabled = 0 FOR SHARE),
        \(policy(of: "w", revision: "$3", references: "$4"))
        SELECT 1 FROM p, sessions g
        WHERE (SELECT count(*) FROM v) = $5 AND g.id = $6 AND g.expires > $7 FOR SHARE OF g
        """
}
