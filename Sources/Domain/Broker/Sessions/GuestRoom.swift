import Concurrency

/// Bounds how much of the database guests without a workload can fill. Whoever rents one machine is genuine on it, and may
/// attest as often as it likes; each time leaves a row until the session ends.
///
/// Counted in KiB: what a machine's guests may fill at once they may fill again in three hours; all guests sixteen times as
/// much. Init data count for the first guest that has them.
final class GuestRoom: Sendable {
    private static let refill = Duration.seconds(10_800)
    private let one: Allowance
    private let all: Allowance
    private let machines = BoundedCache<String, ContinuousClock.Instant>(capacity: 16_384)
    private let total = Lock<ContinuousClock.Instant?>(nil)

    /// - Parameter size: what a machine's guests may fill at once, in KiB.
    init(_ size: Int = Broker.usualGuestRoom) {
        one = Allowance(every: Self.refill / size, burst: size)
        all = Allowance(every: Self.refill / (size * 16), burst: size * 16)
    }

    /// - Parameters:
    ///   - initData: the bytes of init data that nobody had yet.
    ///   - machine: the chip, or what comes nearest to it where the host hides it.
    /// - Returns: `nil` when there is room for the guest; otherwise after how many seconds, and whether it is all guests'
    ///   room that is full.
    func wait(
        for session: StoredSession, initData: Int = 0, of machine: String, at now: ContinuousClock.Instant = .now
    ) -> (seconds: Int, ofAll: Bool)? {
        let bytes =
            session.claims.utf8.count + session.token.utf8.count + session.key.utf8.count + initData
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
