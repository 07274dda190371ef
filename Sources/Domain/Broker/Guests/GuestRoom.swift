import Concurrency

/// Bounds how much of the database guests without a workload can fill. Whoever rents one machine is genuine on it, and may
/// attest as often as it likes; each time leaves a row until the session ends.
///
/// Counted in KiB: 64 MiB at once for a machine, which is a thousand guests with init data of 60 KB, and as much again in
/// three hours; 1 GiB for all.
final class GuestRoom: Sendable {
    private static let refill = Duration.seconds(10_800)
    private let one = Allowance(every: refill / 65_536, burst: 65_536)
    private let all = Allowance(every: refill / 1_048_576, burst: 1_048_576)
    private let machines = BoundedCache<String, ContinuousClock.Instant>(capacity: 16_384)
    private let total = Lock<ContinuousClock.Instant?>(nil)

    /// - Parameter machine: the chip, or what comes nearest to it where the host hides it.
    /// - Returns: `nil` when there is room for the guest; otherwise after how many seconds, and whether it is all guests'
    ///   room that is full.
    func wait(
        for guest: StoredGuest, of machine: String, at now: ContinuousClock.Instant = .now
    ) -> (seconds: Int, ofAll: Bool)? {
        let bytes = guest.claims.utf8.count + guest.token.utf8.count + guest.key.utf8.count + guest.verdict.utf8.count
        let size = bytes / 1_024 + 1
        if let wait = machines.update(machine, default: now, { one.take(size, from: &$0, at: now) }) {
            return (Int(wait.components.seconds) + 1, false)
        }
        let wait = total.withLock { full in
            var instant = full ?? now
            defer { full = instant }
            return all.take(size, from: &instant, at: now)
        }
        return wait.map { (Int($0.components.seconds) + 1, true) }
    }
}
