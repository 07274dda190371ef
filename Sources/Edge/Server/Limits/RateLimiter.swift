import Administration
import Broker

/// An allowance for each address. What was forgotten has all of it, so that a flood of addresses costs nobody else.
final class RateLimiter: Sendable {
    /// Addresses that are remembered: at least so many, at most twice as many.
    static let remembered = 16_384

    private let buckets = BoundedCache<CallerAddress, ContinuousClock.Instant>(capacity: remembered)
    private let allowance: Allowance

    /// - Parameters:
    ///   - perSecond: above zero.
    ///   - burst: at least one.
    init(perSecond: Int, burst: Int) { allowance = Allowance(every: .seconds(1) / perSecond, burst: burst) }

    /// Takes a request's share.
    ///
    /// - Returns: `nil` when there was one; otherwise how long until there is.
    func take(_ caller: CallerAddress, at now: ContinuousClock.Instant = .now) -> Duration? {
        buckets.update(caller, default: now) { allowance.take(from: &$0, at: now) }
    }
}
