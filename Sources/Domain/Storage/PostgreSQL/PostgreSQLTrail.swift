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

    public func auditEnd() async throws -> AuditHead {
        // One statement sees one state of the database, in which each transaction that appends has changed both.
        let ends = Read(
            """
            SELECT h.seq, h.hash, a.seq, a.hash FROM audit_head h
                LEFT JOIN (SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1) a ON true
            """
        ) { row in
            (
                stated: AuditHead(sequence: try row.integer(0), hash: try row.bytes(1)),
                last: try row.optionalInteger(2).map { AuditHead(sequence: $0, hash: try row.bytes(3)) } ?? .start
            )
        }
        guard let (stated, last) = try await first(ends) else {
            throw BrokenTrail("The trail's head is missing: someone has deleted the row of the table audit_head.")
        }
        guard stated == last else {
            throw BrokenTrail(
                "The trail's last record is number \(last.sequence), and the head that the database states is of "
                    + "\(stated.sequence): a record was inserted past the servers, or removed.")
        }
        return last
    }

    public func countAgain(_ mark: String, at time: Date) async throws -> Bool {
        let query = Query(
            AttemptReads.countAgain.postgreSQL + " RETURNING 1", [.integer(time.milliseconds), .text(mark)])
        return try await write(query, recording: [])
    }
}
