import Synchronization

/// Bounds the number of attestations that wait or run, and refuses more.
///
/// It is a counter, not a queue: admitted requests wait for their event loop in any case.
final class AttestationSlots: Sendable {
    let capacity: Int
    private let count = Atomic(0)

    /// - Parameter capacity: at least one.
    init(capacity: Int) { self.capacity = capacity }

    /// The number of admitted requests.
    var occupancy: Int { count.load(ordering: .relaxed) }

    /// Runs `body` in a slot.
    ///
    /// - Returns: `nil`, at once, if no slot is free.
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
