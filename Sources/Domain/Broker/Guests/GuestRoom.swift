import Concurrency

/// Bounds how much of the database a chip's guests can fill. Whoever rents one machine is genuine on it, and may attest as
/// often as it likes; each time leaves a row until the session ends.
///
/// Counted in KiB: 64 MiB at once, which is a thousand guests with init data of 60 KB, and as much again in three hours.
final class GuestRoom: Sendable {
    private let allowance = Allowance(every: .seconds(10_800) / 65_536, burst: 65_536)
    private let chips = BoundedCache<String, ContinuousClock.Instant>(capacity: 16_384)

    /// - Returns: `nil` when there is room for the guest; otherwise after how many seconds. Chips that are hidden are not told
    ///   from one another, and so not counted: only clouds have keys for them.
    func wait(for guest: StoredGuest, at now: ContinuousClock.Instant = .now) -> Int? {
        guard !guest.chip.isEmpty else { return nil }
        let size = guest.claims.utf8.count + guest.token.utf8.count + guest.key.utf8.count + guest.verdict.utf8.count
        return chips.update(guest.chip, default: now) { allowance.take(size / 1_024 + 1, from: &$0, at: now) }
            .map { Int($0.components.seconds) + 1 }
    }
}
