import Broker
import Concurrency
import HTTP

/// A request allowance for each address; an IPv6 address counts as its /64 network. A forgotten address has its full
/// allowance, so that a flood of addresses costs other callers nothing.
final class RateLimiter: Sendable {
    /// Remembered addresses: at least this many, at most twice as many.
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

    /// Takes a request's share of its address's allowance.
    ///
    /// - Parameter count: how many requests it counts for.
    /// - Returns: `nil` if the allowance sufficed; otherwise the time until it does.
    func take(_ caller: IPAddress, _ count: Int = 1, at now: ContinuousClock.Instant = .now) -> Duration? {
        buckets.update(caller.limited, default: now) { allowance.take(min(count, burst), from: &$0, at: now) }
    }
}
