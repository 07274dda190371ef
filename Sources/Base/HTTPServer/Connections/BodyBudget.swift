import Concurrency

/// Bounds the memory of all bodies while they are received and answered; the number of connections alone would not.
final class BodyBudget: Sendable {
    /// A body of at most this length is counted as a whole before it arrives. This much on every connection is less
    /// than the default budget, so that announced lengths alone cannot use it up.
    static let short = 16 * 1_024

    private let capacity: Int
    private let used = Lock(0)

    /// - Parameter capacity: in bytes.
    init(capacity: Int) { self.capacity = capacity }

    /// In bytes.
    var taken: Int { used.withLock { $0 } }

    /// - Returns: false, without taking anything, when less is left.
    func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= capacity - used else { return false }
            used += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }
}
