public import Broker
public import FoundationEssentials
import PostgreSQL

extension PostgreSQLStore {
    public func record(_ records: [AuditRecord], attempt: RecordedAttempt?) async throws {
        let query = attempt.map { attempt in
            Query(
                """
                INSERT INTO attempts (\(RecordedAttempt.columnList))
                VALUES (\(RecordedAttempt.placeholders(from: 1))) RETURNING 1
                """, attempt.columns)
        }
        _ = try await write(query, recording: records)
    }

    public func countAgain(_ mark: String, at time: Date) async throws -> Bool {
        let query = Query(
            AttemptReads.countAgain.postgreSQL + " RETURNING 1", [.integer(time.milliseconds), .text(mark)])
        return try await write(query, recording: [])
    }
}
