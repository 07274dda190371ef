import Broker
import Concurrency
import HTTP

/// Slows down guessing of tokens: after a few failures an address must wait before the next try of the same token,
/// twice as long each time.
///
/// Other tokens from the address, and JWTs, are not delayed, so that a guesser cannot lock others out.
final class FailureDelay: Sendable {
    private struct Key: Hashable {
        let caller: IPAddress
        let token: String

        init?(_ address: IPAddress?, _ credential: Credential) {
            guard let caller = address?.limited, case .token(let id, _) = credential else { return nil }
            (self.caller, token) = (caller, id)
        }
    }

    private struct Failures {
        var count = 0
        var until: ContinuousClock.Instant
    }

    private let failures = BoundedCache<Key, Failures>(capacity: 10_000)

    /// Failures without a delay.
    static let free = 5
    /// The longest wait, in seconds.
    static let longest = 300

    /// - Returns: the remaining wait in seconds, or `nil`.
    func wait(for address: IPAddress?, _ credential: Credential, at now: ContinuousClock.Instant) -> Int? {
        guard let key = Key(address, credential), let known = failures[key], known.count > Self.free,
            now < known.until
        else { return nil }
        return (known.until - now).retryAfter
    }

    func failed(_ address: IPAddress?, _ credential: Credential, at now: ContinuousClock.Instant) {
        guard let key = Key(address, credential) else { return }
        failures.update(key, default: Failures(until: now)) { known in
            // An hour without a try resets the count.
            if now > known.until.advanced(by: .seconds(3_600)) { known.count = 0 }
            known.count += 1
            let excess = min(known.count - Self.free - 1, 16)
            known.until = now.advanced(by: .seconds(excess < 0 ? 0 : min(Self.longest, 1 << excess)))
        }
    }

    func succeeded(_ address: IPAddress?, _ credential: Credential, at now: ContinuousClock.Instant) {
        guard let key = Key(address, credential), failures[key] != nil else { return }
        failures[key] = Failures(until: now)
    }
}
