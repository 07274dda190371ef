import Broker
import Concurrency
import SQLite

/// Group commit: writes that arrive while a transaction is being flushed share the next one and its flush.
///
/// Each write has a savepoint, or the transaction when it is alone; a write that throws is undone by itself.
final class WriteQueue: Sendable {
    private let queue = WorkQueue<PendingWrite>()
    private let writer: Writer

    /// Starts the thread that writes, which may block on the disk. It ends with the queue.
    init(_ database: DatabaseQueue) throws {
        writer = Writer(database)
        try BlockingThread.start("kbs.writes") { [queue, writer] in
            while let batch = queue.take(atMost: .max) {
                writer.commit(batch)
                queue.finish()
            }
        }
    }

    deinit { queue.close() }

    /// The number of writes that wait for the next transaction.
    var waiting: Int { queue.count }

    /// The trail's head after the last committed transaction.
    var writtenHead: AuditHead? { writer.reports.writtenHead }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) { writer.reports.observe(body) }

    /// Runs a write and returns when it is durable.
    func perform<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await traced("kbs.store.write") { _ in
            try await withCheckedThrowingContinuation { continuation in
                if !queue.add(PendingWrite(body, continuation)) { continuation.resume(throwing: Refusal.tooManyWait) }
            }
        }
    }
}

private struct PendingWrite: Sendable {
    /// The transaction's only write has failed: roll back. Its caller gets the reason.
    struct Undone: Error {}

    private final class Outcome<T: Sendable>: Sendable {
        let result = Lock<Result<T, any Error>?>(nil)
    }

    /// Runs in the transaction. A write that throws is undone by its savepoint, or together with the transaction.
    let run: @Sendable (Database, _ isAlone: Bool) throws(Undone) -> Void
    /// Runs when the write is durable, or with the reason why nothing was written.
    let finish: @Sendable ((any Error)?) -> Void

    init<T: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> T, _ continuation: CheckedContinuation<T, any Error>
    ) {
        let outcome = Outcome<T>()
        run = { (database, isAlone) throws(Undone) in
            let result = Result { try isAlone ? body(database) : database.inSavepoint { try body(database) } }
            outcome.result.withLock { $0 = result }
            // SQLite itself may have ended the transaction: then the commit reports it.
            if isAlone, case .failure = result, database.isInsideTransaction { throw Undone() }
        }
        finish = { failure in
            let result = failure.map { .failure($0) } ?? outcome.result.withLock { $0 }
            continuation.resume(with: result ?? .failure(DatabaseError(message: "the write did not run")))
        }
    }
}

/// Commits batches, on one thread.
private final class Writer: Sendable {
    let reports = CommitReports()
    private let database: DatabaseQueue

    init(_ database: DatabaseQueue) { self.database = database }

    /// Runs the writes in one transaction, and answers their callers.
    func commit(_ batch: [PendingWrite]) {
        let start = ContinuousClock.now
        let failure: (any Error)?
        do {
            reports.writtenHead = try database.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for write in batch { try write.run(database, batch.count == 1) }
                    return try? database.trailEnd()
                }
            }
            failure = nil
        } catch {
            failure = error is PendingWrite.Undone ? nil : error
        }
        reports.report(batch.count, since: start, hasFailed: failure != nil)
        for write in batch { write.finish(failure) }
    }
}
