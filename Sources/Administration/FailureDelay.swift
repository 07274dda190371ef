import Foundation
import NIOCore
import Synchronization

/// Slows down whoever guesses at a credential: after a few failures an address must wait before it may try the same
/// one again, twice as long each time. Others from that address are not kept waiting: whoever guesses there must not
/// be able to lock them out.
final class FailureDelay: Sendable {
    private struct Key: Hashable {
        let caller: CallerAddress
        let credential: String

        init?(_ address: SocketAddress?, _ credential: Credential) {
            // What has not even the form of a credential is no guess at one.
            guard let caller = CallerAddress(address), credential != .unreadable else { return nil }
            self.caller = caller
            self.credential = if case .token(let id, _) = credential { id } else { "" }
        }
    }

    private struct Failures {
        var count: Int
        var until: Date
    }

    private let failures = Mutex<[Key: Failures]>([:])

    /// Failures that cost nothing: people mistype.
    static let free = 5
    /// The longest wait, in seconds.
    static let longest: TimeInterval = 300
    /// How many are remembered. When there are more, those whose wait is over are forgotten first.
    static let capacity = 10_000

    /// - Returns: how many seconds it must wait, or `nil`.
    func wait(for address: SocketAddress?, _ credential: Credential, at time: Date) -> Int? {
        guard let key = Key(address, credential) else { return nil }
        return failures.withLock { failures in
            guard let known = failures[key], known.count > Self.free, time < known.until else { return nil }
            return Int(known.until.timeIntervalSince(time).rounded(.up))
        }
    }

    func failed(_ address: SocketAddress?, _ credential: Credential, at time: Date) {
        guard let key = Key(address, credential) else { return }
        failures.withLock { failures in
            if failures.count >= Self.capacity, failures[key] == nil {
                failures = failures.filter { time < $0.value.until }
                // All of them guess at once: the table is full, and each new one costs an old one its place.
                if failures.count >= Self.capacity, let any = failures.keys.first { failures[any] = nil }
            }
            var known = failures[key] ?? Failures(count: 0, until: time)
            // An hour of silence is forgiven.
            if time > known.until.addingTimeInterval(3_600) { known.count = 0 }
            known.count += 1
            let excess = min(known.count - Self.free - 1, 16)
            known.until = time.addingTimeInterval(excess < 0 ? 0 : min(Self.longest, Double(1 << excess)))
            failures[key] = known
        }
    }

    func succeeded(_ address: SocketAddress?, _ credential: Credential) {
        guard let key = Key(address, credential) else { return }
        failures.withLock { $0[key] = nil }
    }
}
