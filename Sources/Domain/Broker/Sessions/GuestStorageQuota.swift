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
        let size = Self.size(session, initData)
        // Both or neither are charged.
        return total.withLock { total in
            machines.update(machine, default: now) { own in
                var (machine, everyone) = (own, total ?? now)
                if let wait = one.take(size, from: &machine, at: now) { return (wait.retryAfter, false) }
                if let wait = all.take(size, from: &everyone, at: now) { return (wait.retryAfter, true) }
                (own, total) = (machine, everyone)
                return nil
            }
        }
    }

    /// Undoes the charge for a session that was not stored.
    func giveBack(
        for session: StoredSession, initData: Int = 0, of machine: String, at now: ContinuousClock.Instant = .now
    ) {
        let size = Self.size(session, initData)
        total.withLock { total in
            machines.update(machine, default: now) { one.giveBack(size, to: &$0) }
            if var everyone = total {
                all.giveBack(size, to: &everyone)
                total = everyone
            }
        }
    }

    /// In KiB.
    private static func size(_ session: StoredSession, _ initData: Int) -> Int {
        (session.claims.utf8.count + session.token.utf8.count + session.key.utf8.count + initData) / 1_024 + 1
    }
}
