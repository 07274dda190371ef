import Concurrency

/// The rate limit on a session's releases. A guest asks once; each release adds a record to the trail, and a relay of
/// the guest's messages can repeat them.
final class ReleaseLimiter: Sendable {
    private let allowance: Allowance
    private let sessions = BoundedCache<[UInt8], ContinuousClock.Instant>(capacity: 16_384)

    init(_ allowance: Allowance) { self.allowance = allowance }

    /// - Parameter session: the session's id, followed by the resource's path where each resource is counted by itself.
    /// - Returns: `nil` when the release is allowed; otherwise the seconds to wait.
    func wait(for session: [UInt8], at now: ContinuousClock.Instant = .now) -> Int? {
        sessions.update(session, default: now) { allowance.take(from: &$0, at: now) }?.retryAfter
    }
}
