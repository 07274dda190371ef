import Concurrency
import HTTP

/// Bounds the memory of bodies while they are received and answered, in all and for each sender; the number of
/// connections alone would not.
final class BodyBudget: Sendable {
    /// A body of at most this length is counted as a whole before it arrives. This much on every connection is less
    /// than the default budget, so that announced lengths alone cannot use it up.
    static let short = 16 * 1_024

    private struct Used {
        var all = 0
        var bySender: [IPAddress: Int] = [:]
    }

    private let capacity: Int
    private let mostPerSender: Int
    private let used = Lock(Used())

    /// - Parameters:
    ///   - capacity: in bytes.
    ///   - mostPerSender: in bytes.
    init(capacity: Int, mostPerSender: Int = .max) { (self.capacity, self.mostPerSender) = (capacity, mostPerSender) }

    /// In bytes.
    var taken: Int { used.withLock { $0.all } }

    /// - Parameter sender: nil: counted in all only.
    /// - Returns: false, without taking anything, when less is left.
    func take(_ bytes: Int, for sender: IPAddress? = nil) -> Bool {
        used.withLock { used in
            guard bytes <= capacity - used.all else { return false }
            if let sender {
                let own = used.bySender[sender, default: 0]
                guard bytes <= mostPerSender - own else { return false }
                used.bySender[sender] = own + bytes
            }
            used.all += bytes
            return true
        }
    }

    func giveBack(_ bytes: Int, for sender: IPAddress? = nil) {
        used.withLock { used in
            used.all -= bytes
            guard let sender else { return }
            let left = used.bySender[sender, default: bytes] - bytes
            used.bySender[sender] = left > 0 ? left : nil
        }
    }
}
