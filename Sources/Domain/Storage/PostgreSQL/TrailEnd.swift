import Broker
import PostgreSQL

/// The end of a transaction that adds to the trail.
///
/// Whoever adds locks the head, which is one row, until the commit: the transactions of all servers take turns there.
/// It is locked last, after all rows that a transaction looks at or changes, so that it is held for as short as can be
/// and nobody who holds it waits for a row.
enum TrailEnd {
    /// The head, locked until the end of the transaction under way.
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

    /// What shows whether a transaction was committed whose answer got lost: its last entry. Another transaction can
    /// have written the same words at the same place, so the row also names the one that wrote it.
    struct Proof: Sendable {
        let sequence: Int64
        let hash: [UInt8]
        /// 32 bits of a transaction's number, in decimal.
        let transaction: String
    }

    static let begin = Query("BEGIN")
    static let commit = Query("COMMIT")
    static let rollback = Query("ROLLBACK")
    /// A transaction's number has 64 bits; a row has the lower 32 of them.
    static let hold = Query(
        "SELECT seq, hash, (pg_current_xact_id()::text::numeric % 4294967296)::text FROM audit_head FOR UPDATE")

    /// Makes a transaction one that has written something, without a row.
    static let messageToNobody = "SELECT pg_logical_emit_message(true, 'kbs', '')::text"

    /// The entries that records become, and the statements that add them.
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

    /// Whether a transaction was committed. Waits until it can no longer be.
    static func holds(_ proof: Proof, _ connection: Connection) throws -> Bool {
        // Its server process may not have noticed yet that nobody is there. It does, by its timeout for idle
        // transactions, and then lets go of the head.
        let answers = try connection.all(
            [
                begin, Query("SET LOCAL lock_timeout = 15000"), Query("SET LOCAL statement_timeout = 15000"), hold,
                Query("SELECT hash, xmin::text FROM audit WHERE seq = $1", [.integer(proof.sequence)]),
                // A restart makes visible what no synchronous standby has yet. A commit that changes something waits
                // for the standby to have all that came before.
                Query(messageToNobody), commit,
            ], until: .now + .seconds(20))
        guard let row = answers[4].first else { return false }
        return try row.bytes(0) == proof.hash && row.text(1) == proof.transaction
    }
}
