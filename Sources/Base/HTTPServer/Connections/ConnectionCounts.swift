import Concurrency
import HTTP

/// Counts connections, in all and for each address.
///
/// What is too much in all waits in the kernel, since those who wait may be guests that boot. What is too much for
/// one address is closed, or one caller could make all the others wait. An IPv6 address counts with its network of 64
/// bits.
final class ConnectionCounts: Sendable {
    private struct Counts {
        var all = 0
        /// Has as many entries at most as there are connections.
        var byAddress: [IPAddress: Int] = [:]
        var isPaused = false
    }

    private let counts = Lock(Counts())
    private let most: Int
    private let mostPerAddress: Int

    init(most: Int, mostPerAddress: Int) {
        self.most = most
        self.mostPerAddress = mostPerAddress
    }

    /// How many are open.
    var open: Int { counts.withLock { $0.all } }

    enum Reservation { case made, refused(isFirst: Bool) }

    /// Counts a connection that is about to be accepted.
    func reserve() -> Reservation {
        counts.withLock { counts in
            guard counts.all < most else {
                defer { counts.isPaused = true }
                return .refused(isFirst: !counts.isPaused)
            }
            counts.all += 1
            return .made
        }
    }

    /// - Returns: whether the address may have one more, which then counts.
    func admit(_ address: IPAddress?) -> Bool {
        guard let address = address?.limited else { return true }
        return counts.withLock { counts in
            guard counts.byAddress[address, default: 0] < mostPerAddress else { return false }
            counts.byAddress[address, default: 0] += 1
            return true
        }
    }

    /// A connection that was admitted has ended.
    ///
    /// - Returns: whether those who listen have paused, and may go on.
    func release(_ address: IPAddress?) -> Bool {
        counts.withLock { counts in
            if let address = address?.limited {
                let left = counts.byAddress[address, default: 1] - 1
                counts.byAddress[address] = left > 0 ? left : nil
            }
            return Self.giveBack(&counts)
        }
    }

    /// One that was reserved was not admitted.
    func cancelReservation() -> Bool { counts.withLock { Self.giveBack(&$0) } }

    private static func giveBack(_ counts: inout Counts) -> Bool {
        counts.all -= 1
        defer { counts.isPaused = false }
        return counts.isPaused
    }
}
