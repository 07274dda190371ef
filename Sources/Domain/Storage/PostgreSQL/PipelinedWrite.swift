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
    let answer: Request<Bool>

    var request: any Expiring { answer }

    static func stage(
        _ batch: [Self], on connection: Connection, until deadline: ContinuousClock.Instant
    ) throws -> StagedBatch<Self> {
        let batch = batch.sorted { $0.order.lexicographicallyPrecedes($1.order) }
        let answers = try connection.all(
            [TrailEnd.begin] + batch.compactMap(\.query) + [TrailEnd.hold], until: deadline)
        var staged = StagedBatch<Self>()
        var results = answers.dropFirst().makeIterator()
        for write in batch {
            let isDone = write.query == nil || results.next()?.first != nil
            if isDone { staged.records += write.records }
            staged.finish.append { write.answer.finish(.success(isDone)) }
        }
        staged.head = try answers.last.map { try TrailEnd.Held($0) }
        return staged
    }
}
