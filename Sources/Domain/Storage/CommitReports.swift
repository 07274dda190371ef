import Broker
import Concurrency

/// The commits of a thread that writes: an observer is told of each, and the trail's head after the last is kept.
final class CommitReports: Sendable {
    /// A struct around a closure: a closure stored directly in a lock is wrapped again, as a generic value, at each
    /// access, so that after a day's commits a call would pass through all of the wrappers.
    private struct Observer { let report: @Sendable (CommittedBatch) -> Void }

    private let observer = Lock<Observer?>(nil)
    private let head = Lock<AuditHead?>(nil)

    /// The trail's head after the last committed transaction that is known to have one.
    var writtenHead: AuditHead? {
        get { head.withLock { $0 } }
        set { head.withLock { $0 = newValue } }
    }

    func observe(_ body: @escaping @Sendable (CommittedBatch) -> Void) {
        observer.withLock { $0 = Observer(report: body) }
    }

    func report(_ writes: Int, since start: ContinuousClock.Instant, hasFailed: Bool) {
        observer.withLock { $0 }?.report(
            CommittedBatch(writes: writes, duration: start.duration(to: .now), hasFailed: hasFailed))
    }
}
