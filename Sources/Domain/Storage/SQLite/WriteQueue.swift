import Broker
import Concurrency
import Dispatch
import SQLite

/// Group commit: what arrives while a transaction is being flushed goes into the next one, so
/// that a flush to disk is shared by everyone who waits for it.
///
/// Each write has a savepoint of its own, or the transaction when it is alone; one that throws takes nothing else with it.
final class WriteQueue: Sendable {
    private struct Write: Sendable {
        /// Runs in the transaction. What throws was undone, by its savepoint, or is to be undone with the transaction.
        let run: @Sendable (Database, _ isAlone: Bool) throws(Undone) -> Void
        /// Runs when it is durable, or with the reason why nothing was written.
        let finish: @Sendable ((any Error)?) -> Void
    }

    private struct State {
        var waiting: [Write] = []
        var isDraining = false
    }

    /// The only write of a transaction has failed, and its caller is told why.
    private struct Undone: Error {}

    private final class Outcome<T: Sendable>: Sendable {
        let result = Lock<Result<T, any Error>?>(nil)
    }

    /// A closure in a struct: bare in a lock it would be wrapped once more, as a generic value, each time that it is
    /// looked at, and after a day's commits a call of it would go through all of these.
    private struct Observer { let report: @Sendable (CommittedBatch) -> Void }

    private let writer: DatabaseQueue
    private let written = Lock<AuditHead?>(nil)
    private let state = Lock(State())
    private let observer = Lock<Observer?>(nil)
    /// The only thread that writes; it may block on the disk.
    private let thread = DispatchQueue(label: "kbs.writes")

    init(_ writer: DatabaseQueue) { self.writer = writer }

    /// How many writes wait for the next transaction.
    var waiting: Int { state.withLock { $0.waiting.count } }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) {
        observer.withLock { $0 = Observer(report: body) }
    }

    /// The trail's end after the last transaction that came through.
    var writtenHead: AuditHead? { written.withLock { $0 } }

    /// Runs a write, and returns when it is durable.
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
                    // SQLite itself may have ended the transaction: then the commit says so.
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

    /// - Returns: why nothing was written, or `nil` when the transaction is on the disk.
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
