import Concurrency

/// Bounds how often one session may ask for what it may have. A guest asks once; each answer is a record in the trail, and
/// whoever relays a guest's messages can repeat them.
final class ReleaseLimiter: Sendable {
    private let allowance: Allowance
    private let sessions = BoundedCache<[UInt8], ContinuousClock.Instant>(capacity: 16_384)

    init(_ allowance: Allowance) { self.allowance = allowance }

    /// - Parameter session: what asks, and for what, if that is counted by itself.
    /// - Returns: `nil` when it may; otherwise after how many seconds.
    func wait(for session: [UInt8], at now: ContinuousClock.Instant = .now) -> Int? {
        sessions.update(session, default: now) { allowance.take(from: &$0, at: now) }
            .map { Int($0.components.seconds) + 1 }
    }
}
