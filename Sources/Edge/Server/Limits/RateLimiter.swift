import Broker
import Concurrency
import HTTP

/// An allowance for each address, which for IPv6 is its network of 64 bits. What was forgotten has all of it, so that a flood of addresses costs nobody else.
final class RateLimiter: Sendable {
    /// Addresses that are remembered: at least so many, at most twice as many.
    static let remembered = 16_384

    private let buckets = BoundedCache<IPAddress, ContinuousClock.Instant>(capacity: remembered)
    private let allowance: Allowance
    private let burst: Int

    /// - Parameters:
    ///   - perSecond: above zero.
    ///   - burst: at least one.
    init(perSecond: Int, burst: Int) {
        allowance = Allowance(every: .seconds(1) / perSecond, burst: burst)
        self.burst = burst
    }

    /// Takes a request's share.
    ///
    /// - Parameter count: how many requests it counts for.
    /// - Returns: `nil` when there was one; otherwise how long until there is.
    func take(_ caller: IPAddress, _ count: Int = 1, at now: ContinuousClock.Instant = .now) -> Duration? {
        buckets.update(caller.limited, default: now) { allowance.take(min(count, burst), from: &$0, at: now) }
    }
}
