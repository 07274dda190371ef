import Concurrency

/// A count over a whole table, requested by each scrape of each server.
///
/// A count that took more than a quarter of a second (millions of rows) is cached for a hundred times as long as it
/// took, a minute at most. A caller waits for it at most `patience` (one second) and then gets the last count.
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

    /// The count, or the last known one.
    ///
    /// - Parameter now: the time, on a monotonic clock.
    /// - Returns: `nil` if nothing was ever counted.
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
            // A database that cannot be read is reported elsewhere.
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
            // A failed count is repeated soon, but not at once.
            let pause = counted == nil ? .seconds(5) : min(took * 100, Self.longestPause)
            state.nextTime = took > .milliseconds(250) ? end + pause : nil
            state.isCounting = false
        }
    }
}
