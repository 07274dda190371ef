import Concurrency
import HTTP

/// Bounds the number of long bodies in memory, in all and for each address.
final class LongBodies: Sendable {
    private struct Counts {
        var all = 0
        var byAddress: [IPAddress: Int] = [:]
    }

    private let capacity: Int
    private let counts = Lock(Counts())

    /// - Parameter capacity: at least one. An address may use half of it.
    init(capacity: Int) { self.capacity = capacity }

    /// Runs `body` with one more long body counted for the address.
    ///
    /// - Returns: `nil`, at once, if that exceeds a bound.
    func admit<R>(_ address: IPAddress?, _ body: () async throws -> R?) async rethrows -> R? {
        let address = address?.limited
        let isIn = counts.withLock { counts in
            let own = address.flatMap { counts.byAddress[$0] } ?? 0
            guard counts.all < capacity, own < max(1, capacity / 2) else { return false }
            counts.all += 1
            if let address { counts.byAddress[address] = own + 1 }
            return true
        }
        guard isIn else { return nil }
        defer {
            counts.withLock { counts in
                counts.all -= 1
                if let address {
                    let left = counts.byAddress[address, default: 1] - 1
                    counts.byAddress[address] = left > 0 ? left : nil
                }
            }
        }
        return try await body()
    }
}
