import Synchronization

/// Lets a bounded number be in it at a time, and turns the others away at the door.
///
/// Nothing is queued here: those who are in wait where they would anyway, for their event loop.
final class WaitingRoom: Sendable {
    let capacity: Int
    private let count = Atomic(0)

    /// - Parameter capacity: at least one.
    init(capacity: Int) { self.capacity = capacity }

    /// How many are in.
    var occupancy: Int { count.load(ordering: .relaxed) }

    /// Runs `body` inside.
    ///
    /// - Returns: `nil`, at once, when the room is full.
    func admit<R>(_ body: () async throws -> R) async rethrows -> R? {
        guard enter() else { return nil }
        defer { count.subtract(1, ordering: .relaxed) }
        return try await body()
    }

    private func enter() -> Bool {
        let (_, after) = count.add(1, ordering: .relaxed)
        guard after <= capacity else {
            count.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }
}
