import Administration
import Broker

/// A bucket of tokens for each address: it holds `burst` and is filled at `perSecond`.
///
/// A bucket is one instant, the time at which it will be full again (GCRA, as ATM's traffic contracts have it):
/// a request moves it on by 1 / rate, and is refused when that would be further ahead than the burst allows. A
/// refused request moves nothing. What was forgotten is a full bucket, so that a flood of addresses costs nobody else.
final class RateLimiter: Sendable {
    /// Addresses that are remembered: at least so many, at most twice as many.
    static let remembered = 16_384

    private let buckets = BoundedCache<CallerAddress, ContinuousClock.Instant>(capacity: remembered)
    private let interval: Duration
    private let capacity: Duration

    /// - Parameters:
    ///   - perSecond: above zero.
    ///   - burst: at least one.
    init(perSecond: Int, burst: Int) {
        interval = .seconds(1) / perSecond
        capacity = interval * burst
    }

    /// Takes a token.
    ///
    /// - Returns: `nil` when there was one; otherwise how long until there is.
    func take(_ caller: CallerAddress, at now: ContinuousClock.Instant = .now) -> Duration? {
        buckets.update(caller, default: now) { full in
            let next = max(full, now).advanced(by: interval)
            let excess = now.duration(to: next) - capacity
            guard excess <= .zero else { return excess }
            full = next
            return nil
        }
    }
}
