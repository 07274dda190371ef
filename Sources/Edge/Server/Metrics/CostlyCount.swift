import Concurrency

/// A count that goes through a whole table, which each scrape of each server asks for.
///
/// One that took more than a quarter of a second, of millions of rows, is remembered for a hundred times as long as it
/// took, a minute at most. Nobody waits for one for longer than a second: then the last one is told.
final class CostlyCount: Sendable {
    private struct State {
        var last: Int?
        var nextTime: ContinuousClock.Instant?
        var isCounting = false
    }

    private let state = Lock(State())
    private let patience: Duration
    private static let longestPause = Duration.seconds(60)

    init(patience: Duration = .seconds(1)) { self.patience = patience }

    /// The count, or the last one that there was.
    ///
    /// - Parameter now: the time, on a clock that only goes forward.
    /// - Returns: `nil` when nothing was ever counted.
    func value(
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        counting count: @escaping @Sendable () async throws -> Int
    ) async -> Int? {
        let start = now()
        let mustCount = state.withLock { state in
            guard !state.isCounting, state.nextTime.map({ start >= $0 }) ?? true else { return false }
            state.isCounting = true
            return true
        }
        guard mustCount else { return last }
        // Not a task group, which would wait for the count.
        let (ends, end) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        Task {
            // A database that cannot be read shows elsewhere.
            let counted = try? await count()
            finish(counted, at: now(), took: now() - start)
            end.yield()
        }
        let limit = Task {
            try await Task.sleep(for: patience)
            end.yield()
        }
        defer { limit.cancel() }
        _ = await ends.first { _ in true }
        return last
    }

    private var last: Int? { state.withLock { $0.last } }

    private func finish(_ counted: Int?, at end: ContinuousClock.Instant, took: Duration) {
        state.withLock { state in
            state.last = counted ?? state.last
            // One that failed is begun again soon, though not at once.
            let pause = counted == nil ? .seconds(5) : min(took * 100, Self.longestPause)
            state.nextTime = took > .milliseconds(250) ? end + pause : nil
            state.isCounting = false
        }
    }
}
