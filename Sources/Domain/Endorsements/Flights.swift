import Broker
import Evidence

/// One request for each path at a time: whoever comes later waits for it too.
actor Flights {
    private struct Flight {
        let task: Task<[Certificate], any Error>
        let caller: String?
    }

    private var flights: [String: Flight] = [:]
    private(set) var waiting = 0

    /// - Parameters:
    ///   - limit: gives up at once when so many others are under way, or half as many of one caller.
    ///   - admit: is asked before one begins.
    func join(
        _ path: String, limit: Int, for caller: String?, admitting admit: @Sendable () throws -> Void,
        _ fetch: @escaping @Sendable () async throws -> [Certificate]
    ) async throws -> [Certificate] {
        waiting += 1
        defer { waiting -= 1 }
        if let flight = flights[path] { return try await flight.task.value }
        let own = caller == nil ? 0 : flights.values.count { $0.caller == caller }
        guard flights.count < limit, own < max(1, limit / 2) else {
            throw EndorsementUnavailable("too many certificates are being fetched", retryAfter: 5)
        }
        try admit()
        // A task of its own: the first guest may hang up while others wait.
        let task = Task { try await fetch() }
        flights[path] = Flight(task: task, caller: caller)
        defer { flights[path] = nil }
        return try await task.value
    }
}
