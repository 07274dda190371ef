public import Foundation
import GRDB

extension SQLiteStore {
    public func workloadCount() async throws -> Int {
        try read { try Int.fetchOne($0.cachedStatement(sql: "SELECT count(*) FROM workloads")) ?? 0 }
    }

    /// Sessions that have not expired.
    public func sessionCount(at time: Date) async throws -> Int {
        try read { database in
            try Int.fetchOne(
                database.cachedStatement(sql: "SELECT count(*) FROM sessions WHERE expires > ?"),
                arguments: [time.seconds]) ?? 0
        }
    }
}
