import HTTP

/// TLS handshakes of one loop that wait for their next step.
///
/// Between two polls of its sockets a loop does these costly steps for a slice of time, so that requests come first.
/// Addresses take turns, so that a flood from one of them delays each other address by one step at most.
final class TLSHandshakeQueue {
    /// In nanoseconds; at least one step is done.
    private static let slice: UInt64 = 500_000

    /// Connections by address, in order of arrival. The key nil stands for callers without an address.
    private var waiting: [IPAddress?: Waiting] = [:]
    /// The order of the addresses.
    private var turns: [IPAddress?] = []
    private var nextTurn = 0

    private struct Waiting {
        var connections: [Connection] = []
        var next = 0
    }

    var isEmpty: Bool { waiting.isEmpty }

    func add(_ connection: Connection) {
        connection.isInTLSHandshakeQueue = true
        let address = connection.peer.address?.limited
        if waiting[address] == nil { turns.append(address) }
        waiting[address, default: Waiting()].connections.append(connection)
    }

    func workForASlice() {
        guard !isEmpty else { return }
        let start = EventLoop.clock()
        repeat { takeNext()?.stepTLSHandshake() } while !isEmpty && EventLoop.clock() - start < Self.slice
    }

    private func takeNext() -> Connection? {
        guard nextTurn < turns.count else { return nil }
        let address = turns[nextTurn]
        nextTurn += 1
        defer {
            if nextTurn > 1_024 || nextTurn == turns.count {
                turns.removeFirst(nextTurn)
                nextTurn = 0
            }
        }
        guard var mine = waiting.removeValue(forKey: address), mine.next < mine.connections.count else { return nil }
        let connection = mine.connections[mine.next]
        mine.next += 1
        guard mine.next < mine.connections.count else { return connection }
        if mine.next > 1_024 {
            mine.connections.removeFirst(mine.next)
            mine.next = 0
        }
        waiting[address] = mine
        turns.append(address)
        return connection
    }
}
