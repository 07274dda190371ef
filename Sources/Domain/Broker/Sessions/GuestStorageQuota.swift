import Concurrency

/// The database quota of guests that name no workload. The tenant of one genuine machine can attest without limit, and
/// each attestation stores a row until the session ends.
///
/// Counted in KiB. A machine's quota is refilled within three hours; all machines together have sixteen times as much.
/// Init data count for the first guest that sends them.
final class GuestStorageQuota: Sendable {
    private static let refill = Duration.seconds(10_800)
    private let one: Allowance
    private let all: Allowance
    private let machines = BoundedCache<String, ContinuousClock.Instant>(capacity: 16_384)
    private let total = Lock<ContinuousClock.Instant?>(nil)

    /// - Parameter size: the quota of one machine, in KiB.
    init(_ size: Int = Broker.defaultGuestRoom) {
        one = Allowance(every: Self.refill / size, burst: size)
        all = Allowance(every: Self.refill / (size * 16), burst: size * 16)
    }

    /// - Parameters:
    ///   - initData: the size of init data that are not stored yet, in bytes.
    ///   - machine: the chip's id, or a substitute where the host hides it.
    /// - Returns: `nil` when the session fits the quota; otherwise the seconds until it will, and whether the quota of
    ///   all machines is used up.
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
