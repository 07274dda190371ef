import Broker
import FoundationEssentials

extension WritingStore {
    public func endSessions(
        _ selection: SessionSelection, at time: Date, barring bar: TokenCutoff,
        recording record: @escaping @Sendable (Int) -> AuditRecord
    ) async throws -> Int {
        let found = try await openSessions(selection, at: time)
        // In portions, so that guests' writes do not wait for a long transaction. The record, with the total, is in the
        // first portion's transaction: if the process ends between two, the trail states more ended sessions than there
        // are, never fewer.
        var ended = 0
        var left: Set<[UInt8]> = []
        for start in stride(from: 0, to: found.count, by: 500) {
            let ids = Array(found[start..<min(start + 500, found.count)])
            let later = found.count - ids.count
            let done = try await change { change in
                // In one transaction with the record, so that no release of these sessions follows it in the trail.
                let done = try change.endSessions(ids, at: time, barring: bar, waits: start == 0)
                if start == 0, done.count + later > 0 { try change.append(record(done.count + later)) }
                return done
            }
            ended += done.count
            if start > 0 { left.formUnion(Set(ids).subtracting(done)) }
        }
        // Others have ended since the look-up.
        if !left.isEmpty { left.formIntersection(try await openSessions(selection, at: time)) }
        // Sessions that guests' writes had locked, one at a time: with several, this transaction and a guest's could
        // deadlock.
        for id in left {
            ended += try await change { try $0.endSessions([id], at: time, barring: bar, waits: true).count }
        }
        return ended
    }

    public func sweepSessions(before time: Date) async throws -> Int {
        var swept = 0
        for table in ["sessions", "init_data", "foreign_guests"] {
            // On PostgreSQL, rows that another server is sweeping are skipped.
            let portion = SQLText(
                sqlite: """
                    DELETE FROM \(table) WHERE id IN
                        (SELECT id FROM \(table) INDEXED BY \(table)_by_expiry WHERE expires <= ?1 LIMIT 500)
                    """,
                postgreSQL: """
                    DELETE FROM \(table) WHERE id IN (SELECT id FROM \(table) WHERE expires <= $1
                        ORDER BY expires LIMIT 2000 FOR UPDATE SKIP LOCKED)
                    """)
            swept += try await removeInPortions(portion, [.time(time)])
        }
        return swept
    }

    public func trimAttempts(keeping count: Int) async throws {
        let portion = SQLText(
            sqlite: """
                DELETE FROM attempts WHERE id IN
                    (SELECT id FROM attempts WHERE id <= (SELECT max(id) FROM attempts) - ?1 LIMIT 500)
                """,
            postgreSQL: """
                DELETE FROM attempts WHERE id IN (SELECT id FROM attempts
                    WHERE id <= (SELECT max(id) FROM attempts) - $1 ORDER BY id LIMIT 2000 FOR UPDATE SKIP LOCKED)
                """)
        _ = try await removeInPortions(portion, [.integer(count)])
    }
}
