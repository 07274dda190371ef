import Concurrency

/// Bounds what all bodies together take in memory while they arrive and are answered: without it as many could be
/// collected at a time as there are connections.
final class BodyBudget: Sendable {
    /// A body that says it is so short is counted before it arrives, in one step. So many bytes from each of as many
    /// connections as there may be are less than the budget, by default: nobody uses it up by promises.
    static let short = 16 * 1_024

    private let capacity: Int
    private let used = Lock(0)

    /// - Parameter capacity: in bytes.
    init(capacity: Int) { self.capacity = capacity }

    /// In bytes.
    var taken: Int { used.withLock { $0 } }

    /// - Returns: whether there was so much left. Otherwise nothing is taken.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= capacity - used else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }
}
