import Concurrency
import HTTP

/// Counts connections, in all and for each address.
///
/// Over the total an idle connection is closed for a new one. Without an idle one, connections wait in the kernel, since
/// they may be of booting guests. Connections over one address's limit are closed, or one caller could make all others
/// wait. IPv6 addresses count by their /64 network.
final class ConnectionCounts: Sendable {
    private struct Counts {
        /// Open connections, and reservations for connections being accepted.
        var reserved = 0
        var open = 0
        /// At most one entry for each connection.
        var byAddress: [IPAddress: Int] = [:]
        /// Whether an acceptor waits for a connection to end.
        var isPaused = false
        /// Whether the pause was reported since a connection last ended.
        var isReported = false
    }

    private let counts = Lock(Counts())
    private let most: Int
    private let mostPerAddress: Int
    private let proxies: NetworkList

    /// - Parameter proxies: networks whose addresses are not counted by address.
    init(most: Int, mostPerAddress: Int, proxies: NetworkList = .none) {
        self.most = most
        self.mostPerAddress = mostPerAddress
        self.proxies = proxies
    }

    private func counted(_ address: IPAddress?) -> IPAddress? {
        proxies.isEmpty || !proxies.contains(address) ? address?.limited : nil
    }

    var open: Int { counts.withLock { $0.open } }
    /// Whether one of the open connections must make room, as another was accepted beyond the limit.
    var isOver: Bool { open > most }

    /// Counts a connection before it is accepted.
    ///
    /// - Parameter beyondLimit: whether an idle connection can make room for one over the limit.
    /// - Returns: false at the limit. The end of a connection then resumes accepting.
    func reserve(beyondLimit: Bool) -> Bool {
        counts.withLock { counts in
            guard counts.reserved < most || beyondLimit else {
                counts.isPaused = true
                return false
            }
            counts.reserved += 1
            return true
        }
    }

    /// - Returns: whether a pause must be reported: the first since a connection last ended.
    func reportsPause() -> Bool {
        counts.withLock { counts in
            // By open connections: of two loops that wake for one connection, one has a reservation in vain.
            guard counts.open >= most, !counts.isReported else { return false }
            counts.isReported = true
            return true
        }
    }

    /// Turns a reservation into an open connection.
    ///
    /// - Returns: false when the address has reached its limit.
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

    /// Counts an admitted connection for another address.
    ///
    /// - Returns: false, without a change, when that address has reached its limit.
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

    /// Releases an admitted connection.
    ///
    /// - Returns: whether accepting was paused and must be resumed.
    func release(_ address: IPAddress?) -> Bool {
        let counted = counted(address)
        return counts.withLock { counts in
            Self.release(counted, &counts)
            counts.open -= 1
            counts.isReported = false
            return Self.giveBack(&counts)
        }
    }

    /// - Returns: whether accepting was paused and must be resumed.
    func cancelReservation() -> Bool { counts.withLock { Self.giveBack(&$0) } }

    private static func giveBack(_ counts: inout Counts) -> Bool {
        counts.reserved -= 1
        defer { counts.isPaused = false }
        return counts.isPaused
    }
}
