import Broker
import Concurrency
import Dispatch
import SQLite

/// Group commit: writes that arrive while a transaction is being flushed share the next one and its flush.
///
/// Each write has a savepoint, or the transaction when it is alone; a write that throws is undone by itself.
final class WriteQueue: Sendable {
    private struct Write: Sendable {
        /// Runs in the transaction. A write that throws is undone by its savepoint, or together with the transaction.
        let run: @Sendable (Database, _ isAlone: Bool) throws(Undone) -> Void
        /// Runs when the write is durable, or with the reason why nothing was written.
        let finish: @Sendable ((any Error)?) -> Void
    }

    private struct State {
        var waiting: [Write] = []
        var isDraining = false
    }

    /// The transaction's only write has failed: roll back. Its caller gets the reason.
    private struct Undone: Error {}

    private final class Outcome<T: Sendable>: Sendable {
        let result = Lock<Result<T, any Error>?>(nil)
    }

    /// A struct around a closure: a closure stored directly in a lock is wrapped again, as a generic value, at each
    /// access, so that after a day's commits a call would pass through all of the wrappers.
    private struct Observer { let report: @Sendable (CommittedBatch) -> Void }

    private let writer: DatabaseQueue
    private let written = Lock<AuditHead?>(nil)
    private let state = Lock(State())
    private let observer = Lock<Observer?>(nil)
    /// The thread that writes; it may block on the disk.
    private let thread = DispatchQueue(label: "kbs.writes")

    init(_ writer: DatabaseQueue) { self.writer = writer }

    /// The number of writes that wait for the next transaction.
    var waiting: Int { state.withLock { $0.waiting.count } }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) {
        observer.withLock { $0 = Observer(report: body) }
    }

    /// The trail's head after the last committed transaction.
    var writtenHead: AuditHead? { written.withLock { $0 } }

    /// Runs a write and returns when it is durable.
    func perform<T: Sendable>(_ body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await traced("kbs.store.write") { _ in try await wait(for: body) }
    }

    private func wait<T: Sendable>(for body: @escaping @Sendable (Database) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { continuation in
            let outcome = Outcome<T>()
            enqueue(
                Write { (database, isAlone) throws(Undone) in
                    let result = Result { try isAlone ? body(database) : database.inSavepoint { try body(database) } }
                    outcome.result.withLock { $0 = result }
                    // SQLite itself may have ended the transaction: then the commit reports it.
                    if isAlone, case .failure = result, database.isInsideTransaction { throw Undone() }
                } finish: { failure in
                    let result = failure.map { .failure($0) } ?? outcome.result.withLock { $0 }
                    continuation.resume(
                        with: result ?? .failure(DatabaseError(message: "the write did not run")))
                })
        }
    }

    private func enqueue(_ write: Write) {
        let mustStart = state.withLock { state in
            state.waiting.append(write)
            defer { state.isDraining = true }
            return !state.isDraining
        }
        if mustStart { thread.async { self.drain() } }
    }

    private func drain() {
        while true {
            let batch = state.withLock { state in
                if state.waiting.isEmpty { state.isDraining = false }
                defer { state.waiting = [] }
                return state.waiting
            }
            if batch.isEmpty { return }
            let start = ContinuousClock.now
            let failure = commit(batch)
            observer.withLock { $0 }?.report(
                CommittedBatch(writes: batch.count, duration: start.duration(to: .now), hasFailed: failure != nil))
            for write in batch { write.finish(failure) }
        }
    }

    /// - Returns: why nothing was written; `nil` when the transaction is durable.
    private func commit(_ batch: [Write]) -> (any Error)? {
        do {
            let head = try writer.writeWithoutTransaction { database in
                try database.inTransaction(.immediate) {
                    for write in batch { try write.run(database, batch.count == 1) }
                    return try? database.trailEnd()
                }
            }
            written.withLock { $0 = head }
            return nil
        } catch is Undone {
            return nil
        } catch {
            return error
        }
    }
}
