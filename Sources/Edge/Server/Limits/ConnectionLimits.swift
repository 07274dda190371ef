import Administration
import HummingbirdCore
import NIOCore
import Concurrency

/// Counts connections, in all and for each address.
///
/// What is too much in all waits in the kernel, since those who wait may be guests that boot. What is too much for
/// one address is closed, or one caller could make all the others wait.
final class ConnectionLimits: Sendable {
    private struct Counts {
        var all = 0
        /// Has as many entries at most as there are connections.
        var byCaller: [CallerAddress: Int] = [:]
    }

    private let counts = Lock(Counts())
    private let most: Int
    private let mostPerCaller: Int
    private let counters: LimitCounters

    init(most: Int, mostPerCaller: Int, counters: LimitCounters) {
        self.most = most
        self.mostPerCaller = mostPerCaller
        self.counters = counters
    }

    /// How many are open.
    var open: Int { counts.withLock { $0.all } }

    /// Counts a connection until it is closed. Call it on the connection's loop, before anything is read.
    ///
    /// - Throws: ``TooManyConnections`` when its address has too many, after closing it.
    func admit(_ channel: any Channel) throws {
        guard let caller = CallerAddress(channel.remoteAddress) else { return }
        let isAdmitted = counts.withLock { counts in
            guard counts.byCaller[caller, default: 0] < mostPerCaller else { return false }
            counts.byCaller[caller, default: 0] += 1
            return true
        }
        guard isAdmitted else {
            counters.count(.connectionsPerAddress)
            channel.close(promise: nil)
            throw TooManyConnections()
        }
        channel.closeFuture.whenComplete { _ in
            self.counts.withLock { counts in
                let left = counts.byCaller[caller, default: 1] - 1
                counts.byCaller[caller] = left > 0 ? left : nil
            }
        }
    }

    /// Tells the server's socket when to pause.
    var gate: some AvailableConnectionsDelegate { Gate(limits: self) }

    private struct Gate: AvailableConnectionsDelegate {
        let limits: ConnectionLimits

        func connectionOpened() { limits.counts.withLock { $0.all += 1 } }
        func connectionClosed() { limits.counts.withLock { $0.all -= 1 } }

        func isAcceptingNewConnections() -> Bool {
            guard limits.open < limits.most else {
                limits.counters.count(.connections)
                return false
            }
            return true
        }
    }
}

struct TooManyConnections: Error {}
