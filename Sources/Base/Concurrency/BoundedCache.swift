/// Remembers what was used lately, in bounded memory.
///
/// Two generations: when the young one is full it becomes the old one and what was old is
/// forgotten, so that nothing is ever searched for the least recently used entry.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Generations {
        var young: [Key: Value] = [:]
        var old: [Key: Value] = [:]
    }

    private let generations = Lock(Generations())
    private let capacity: Int

    /// - Parameter capacity: of a generation; there are two.
    package init(capacity: Int) { self.capacity = capacity }

    /// How many are remembered: at most twice the capacity.
    package var count: Int {
        generations.withLock { generations in
            generations.young.count + generations.old.keys.count { generations.young[$0] == nil }
        }
    }

    package subscript(key: Key) -> Value? {
        get {
            generations.withLock { generations in
                if let value = generations.young[key] { return value }
                guard let value = generations.old[key] else { return nil }
                insert(value, for: key, into: &generations)
                return value
            }
        }
        set {
            guard let newValue else { return }
            generations.withLock { insert(newValue, for: key, into: &$0) }
        }
    }

    /// Reads and changes an entry in one step.
    ///
    /// - Parameter default: what an entry that is not there begins with.
    package func update<R>(_ key: Key, default: @autoclosure () -> Value, _ body: (inout Value) -> R) -> R {
        generations.withLock { generations in
            var value = generations.young[key] ?? generations.old[key] ?? `default`()
            let result = body(&value)
            insert(value, for: key, into: &generations)
            return result
        }
    }

    private func insert(_ value: Value, for key: Key, into generations: inout Generations) {
        if generations.young.count >= capacity, generations.young[key] == nil {
            // The room is kept: a server that has been busy once does not grow and shrink from then on.
            swap(&generations.young, &generations.old)
            generations.young.removeAll(keepingCapacity: true)
        }
        generations.young[key] = value
    }
}
