/// How often something may happen: so many times at once, and then at a rate.
///
/// A bucket of tokens, kept as one instant: the time at which it will be full again (GCRA, as ATM's traffic contracts
/// have it). Taking one moves it on by 1 / rate, and is refused when that would be further ahead than the burst allows.
/// What is refused moves nothing.
package struct Allowance: Sendable, Hashable {
    private let interval: Duration
    private let capacity: Duration

    /// - Parameters:
    ///   - every: how long until one more is allowed; above zero.
    ///   - burst: at least one.
    package init(every interval: Duration, burst: Int) {
        self.interval = interval
        capacity = interval * burst
    }

    /// So many in a minute, and at once.
    package static func perMinute(_ count: Int) -> Allowance { Allowance(every: .seconds(60) / count, burst: count) }

    /// Takes one, or several at once.
    ///
    /// - Parameters:
    ///   - full: the bucket: when it is full again. A new one is full now.
    ///   - count: no more than the burst, or there never is enough.
    /// - Returns: `nil` when there was enough; otherwise how long until there is.
    package func take(
        _ count: Int = 1, from full: inout ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Duration? {
        let next = max(full, now).advanced(by: interval * count)
        let excess = now.duration(to: next) - capacity
        guard excess <= .zero else { return excess }
        full = next
        return nil
    }
}
