/// A rate limit: a burst, then a steady rate.
///
/// A token bucket, stored as one instant: the time at which the bucket is full again (GCRA, from ATM's traffic
/// contracts). Taking a token advances the instant by 1 / rate; a token is refused when the instant would be further
/// ahead than the burst allows. A refusal changes nothing.
package struct Allowance: Sendable, Hashable {
    private let interval: Duration
    private let capacity: Duration

    /// - Parameters:
    ///   - every: the time until a taken token is back; above zero.
    ///   - burst: the bucket's size; at least one.
    package init(every interval: Duration, burst: Int) {
        self.interval = interval
        capacity = interval * burst
    }

    /// `count` tokens a minute, with a burst of `count`.
    package static func perMinute(_ count: Int) -> Allowance { Allowance(every: .seconds(60) / count, burst: count) }

    /// Takes tokens.
    ///
    /// - Parameters:
    ///   - full: the bucket: the time at which it is full again. A new bucket is full now.
    ///   - count: at most the burst; more are never granted.
    /// - Returns: `nil` when the tokens were taken; otherwise the time until they are there.
    package func take(
        _ count: Int = 1, from full: inout ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) -> Duration? {
        let next = max(full, now).advanced(by: interval * count)
        let excess = now.duration(to: next) - capacity
        guard excess <= .zero else { return excess }
        full = next
        return nil
    }

    /// Gives back tokens that were taken and not used.
    package func giveBack(_ count: Int = 1, to full: inout ContinuousClock.Instant) {
        full = full.advanced(by: .zero - interval * count)
    }
}

extension Duration {
    /// A wait in whole seconds, never too short, for `Retry-After`.
    package var retryAfter: Int { Int(components.seconds) + 1 }
}
