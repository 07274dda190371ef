import Synchronization

/// A count that goes through a whole table, which each scrape of each server asks for.
///
/// One that took more than a quarter of a second, of millions of rows, is remembered for a hundred times as long as it
/// took.
final class CostlyCount: Sendable {
    private struct State {
        var last: Int?
        var nextTime: ContinuousClock.Instant?
        var isCounting = false
    }

    private let state = Mutex(State())

    /// The count, or the last one that there was.
    ///
    /// - Parameter now: the time, on a clock that only goes forward.
    /// - Returns: `nil` when nothing was ever counted.
    func value(
        now: () -> ContinuousClock.Instant = { .now }, counting count: () async throws -> Int
    ) async -> Int? {
        let start = now()
        let mustCount = state.withLock { state in
            guard !state.isCounting, state.nextTime.map({ start >= $0 }) ?? true else { return false }
            state.isCounting = true
            return true
        }
        guard mustCount else { return state.withLock { $0.last } }
        // A database that cannot be read shows elsewhere, and a count that takes too long must not be begun at once.
        let counted = try? await count()
        let end = now()
        return state.withLock { state in
            state.last = counted ?? state.last
            let took = end - start
            state.nextTime = took > .milliseconds(250) ? end + took * 100 : nil
            state.isCounting = false
            return state.last
        }
    }
}
