import Concurrency
import HTTP

/// Counts connections, in all and for each address.
///
/// What is too much in all waits in the kernel, since those who wait may be guests that boot. What is too much for
/// one address is closed, or one caller could make all the others wait. An IPv6 address counts with its network of 64
/// bits.
final class ConnectionCounts: Sendable {
    private struct Counts {
        /// Those that are open, and those for which a place is kept while they are accepted.
        var reserved = 0
        var open = 0
        /// Has as many entries at most as there are connections.
        var byAddress: [IPAddress: Int] = [:]
        /// Whether somebody who listens waits for a place.
        var isPaused = false
        /// Whether that was told since the last one ended.
        var isTold = false
    }

    private let counts = Lock(Counts())
    private let most: Int
    private let mostPerAddress: Int
    private let proxies: NetworkList

    /// - Parameter proxies: networks whose addresses are not counted each.
    init(most: Int, mostPerAddress: Int, proxies: NetworkList = .none) {
        self.most = most
        self.mostPerAddress = mostPerAddress
        self.proxies = proxies
    }

    private func counted(_ address: IPAddress?) -> IPAddress? {
        proxies.isEmpty || !proxies.contains(address) ? address?.limited : nil
    }

    /// How many are open.
    var open: Int { counts.withLock { $0.open } }

    enum Reservation { case made, refused(isFirst: Bool) }

    /// Keeps a place for a connection that may be there to be accepted.
    func reserve() -> Reservation {
        counts.withLock { counts in
            guard counts.reserved >= most else {
                counts.reserved += 1
                return .made
            }
            counts.isPaused = true
            // Of two loops that look for one connection, one finds none, and has kept a place in vain.
            let isFirst = counts.open >= most && !counts.isTold
            if isFirst { counts.isTold = true }
            return .refused(isFirst: isFirst)
        }
    }

    /// - Returns: whether the address may have one more, which then takes the place that was kept.
    func admit(_ address: IPAddress?) -> Bool {
        let counted = counted(address)
        return counts.withLock { counts in
            if let address = counted {
                guard counts.byAddress[address, default: 0] < mostPerAddress else { return false }
                counts.byAddress[address, default: 0] += 1
            }
            counts.open += 1
            return true
        }
    }

    /// A connection that was admitted turns out to be another address's.
    ///
    /// - Returns: whether that may have one more; otherwise nothing changes.
    func move(from old: IPAddress?, to new: IPAddress) -> Bool {
        let (old, new) = (counted(old), counted(new))
        return counts.withLock { counts in
            if let new {
                guard counts.byAddress[new, default: 0] < mostPerAddress else { return false }
                counts.byAddress[new, default: 0] += 1
            }
            Self.release(old, &counts)
            return true
        }
    }

    private static func release(_ counted: IPAddress?, _ counts: inout Counts) {
        guard let counted else { return }
        let left = counts.byAddress[counted, default: 1] - 1
        counts.byAddress[counted] = left > 0 ? left : nil
    }

    /// A connection that was admitted has ended.
    ///
    /// - Returns: whether those who listen have paused, and may go on.
    func release(_ address: IPAddress?) -> Bool {
        let counted = counted(address)
        return counts.withLock { counts in
            Self.release(counted, &counts)
            counts.open -= 1
            counts.isTold = false
            return Self.giveBack(&counts)
        }
    }

    /// No connection has taken the place that was kept.
    func cancelReservation() -> Bool { counts.withLock { Self.giveBack(&$0) } }

    private static func giveBack(_ counts: inout Counts) -> Bool {
        counts.reserved -= 1
        defer { counts.isPaused = false }
        return counts.isPaused
    }
}
