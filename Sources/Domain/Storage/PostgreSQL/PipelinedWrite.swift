import Broker
import PostgreSQL

/// A guest's write: a session, a release or an attempt. One statement makes the check and the change.
///
/// A batch of any size takes two round trips: one for all statements and the lock of the trail's head, one for the
/// trail and the commit.
struct PipelinedWrite: QueuedWrite {
    /// Returns a row if it changed something.
    let query: Query?
    /// The trail's records, if the query changed something.
    let records: [String]
    /// The order of a batch's statements, so that two servers' batches lock the same rows in the same order.
    let order: [UInt8]
    /// The state of the manifest since which no denial may have changed: otherwise there is no record, and the write
    /// counts as not made. `nil` for any.
    let denyListState: Int64?
    let answer: Request<Bool>

    var request: any Expiring { answer }

    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self> {
        let batch = batch.sorted { $0.order.lexicographicallyPrecedes($1.order) }
        // Once the head is locked: each denial that the trail has before these records is committed and seen.
        let denials = batch.compactMap(\.denyListState).min().map { DenialReads.lastChange(after: $0) }
        let answers = try connection.all(
            [TrailEnd.begin] + batch.compactMap(\.query) + [TrailEnd.hold]
                + [denials].compactMap { $0.map { Query($0.text.postgreSQL, $0.values) } }, until: deadline)
        var staged = StagedBatch<Self>()
        var results = answers.dropFirst().makeIterator()
        let isMade = batch.map { $0.query == nil || results.next()?.first != nil }
        staged.head = try results.next().map { try TrailEnd.Held($0) }
        let lastDenial = try results.next()?.first.map { try $0.integer(0) } ?? 0
        for (write, isMade) in zip(batch, isMade) {
            // Another verifier's guest stays stored then, as of a release that the next decision is about.
            let isDone = isMade && write.denyListState ?? .max >= lastDenial
            if isDone { staged.records += write.records }
            staged.finish.append { write.answer.finish(.success(isDone)) }
        }
        return staged
    }
}
