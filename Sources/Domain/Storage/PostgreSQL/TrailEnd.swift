import Broker
import PostgreSQL

/// The end of a transaction that appends to the trail.
///
/// Each such transaction locks the head, a single row, until its commit: the transactions of all servers take turns
/// there. The head is locked last, after all rows that a transaction reads or changes, so that it is held briefly and
/// its holder never waits for a row.
enum TrailEnd {
    /// The head, locked until the end of the open transaction.
    struct Held {
        let head: AuditHead
        let transaction: String

        init(_ result: QueryResult) throws {
            guard let row = result.first else {
                throw UnexpectedAnswer(
                    description: "the trail's head is missing: someone has deleted the row of the table audit_head")
            }
            head = AuditHead(sequence: try row.integer(0), hash: try row.bytes(1))
            transaction = try row.text(2)
        }
    }

    /// Proves whether a transaction was committed whose answer was lost: its last entry. Another transaction can have
    /// written the same text at the same sequence number, so the proof also names the writing transaction.
    struct Proof: Sendable {
        let sequence: Int64
        let hash: [UInt8]
        /// The lower 32 bits of the transaction's number, in decimal.
        let transaction: String
    }

    static let begin = Query("BEGIN")
    static let commit = Query("COMMIT")
    static let rollback = Query("ROLLBACK")
    /// A transaction's number has 64 bits; a row's `xmin` has the lower 32.
    static let hold = Query(
        "SELECT seq, hash, (pg_current_xact_id()::text::numeric % 4294967296)::text FROM audit_head FOR UPDATE")

    /// Makes a transaction write to the log, without a row.
    static let messageToNobody = "SELECT pg_logical_emit_message(true, 'kbs', '')::text"

    /// The statements that append records, and the proof of their commit.
    static func append(_ records: [String], after held: Held) throws -> (queries: [Query], proof: Proof?) {
        var head = held.head
        let entries = try records.map { record in
            let entry = try AuditEntry(appending: record, to: head)
            head = AuditHead(entry)
            return entry
        }
        guard let last = entries.last else { return ([], nil) }
        let queries = [
            Query(
                "INSERT INTO audit (seq, record, hash) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])",
                [
                    .integers(entries.map(\.sequence)), .texts(entries.map(\.record)), .blobs(entries.map(\.hash)),
                ]),
            Query("UPDATE audit_head SET seq = $1, hash = $2", [.integer(last.sequence), .bytes(last.hash)]),
        ]
        return (queries, Proof(sequence: last.sequence, hash: last.hash, transaction: held.transaction))
    }

    /// Whether a transaction was committed. Waits until the outcome is final.
    static func holds(_ proof: Proof, _ connection: Connection) throws -> Bool {
        // The lost transaction's server process may not have noticed yet that the client is gone. It does, by its idle
        // transaction timeout, and then releases the head.
        let answers = try connection.all(
            [
                begin, Query("SET LOCAL lock_timeout = 15000"), Query("SET LOCAL statement_timeout = 15000"), hold,
                Query("SELECT hash, xmin::text FROM audit WHERE seq = $1", [.integer(proof.sequence)]),
                // After a restart, rows are visible that no synchronous standby has yet. This commit waits until the
                // standby has all that came before.
                Query(messageToNobody), commit,
            ], until: .now + .seconds(20))
        guard let row = answers[4].first else { return false }
        return try row.bytes(0) == proof.hash && row.text(1) == proof.transaction
    }
}
