/// A cache of recently used entries, in bounded memory.
///
/// It has two generations: a full young generation replaces the old one. Unlike an LRU list, a hit on the young generation
/// moves nothing.
package final class BoundedCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Generations {
        var young: [Key: Value] = [:]
        var old: [Key: Value] = [:]
    }

    private let generations = Lock(Generations())
    private let capacity: Int

    /// - Parameter capacity: the entries of each generation.
    package init(capacity: Int) { self.capacity = capacity }

    /// At most twice the capacity.
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

    /// Reads and changes an entry atomically.
    ///
    /// - Parameter default: the initial value of a missing entry.
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
            // Keeping the capacity, so that a busy server does not grow and shrink its memory.
            swap(&generations.young, &generations.old)
            generations.young.removeAll(keepingCapacity: true)
        }
        generations.young[key] = value
    }
}
