import Concurrency
import Dispatch

/// A queue of work for threads.
///
/// A thread takes all that waits, and statements sent together cost less. So while one thread works, another is woken
/// only when more waits than the first will take, or when the first does not return: see ``wakeForWhatWaits()``.
final class WorkQueue<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        /// Threads that are working on items they took.
        var working = 0
        /// Threads that wait for the semaphore and were not woken yet.
        var idle = 0
        /// Threads that were woken and have not taken items yet.
        var woken = 0
        var isClosed = false

        /// - Returns: how often to signal the semaphore.
        mutating func wake(atMost count: Int) -> Int {
            let count = min(idle, count)
            idle -= count
            woken += count
            return count
        }
    }

    private let state = Lock(State())
    private let semaphore = DispatchSemaphore(value: 0)
    /// The most waiting items: more than a server answers within a request's time.
    private let mostWaiting = 20_000
    /// The number of waiting items at which another thread is woken.
    private let backlog: Int

    /// - Parameter backlog: the number of waiting items at which another thread is woken while one works.
    init(wakingMoreAt backlog: Int = 1) { self.backlog = backlog }

    var count: Int { state.withLock { $0.items.count } }

    /// The number of threads that wait.
    var idle: Int { state.withLock { $0.idle } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// - Returns: `false` when too many items wait, or the queue is closed.
    func add(_ item: Item) -> Bool {
        let (isAdded, woken) = state.withLock { state in
            guard !state.isClosed, state.items.count < mostWaiting else { return (false, 0) }
            state.items.append(item)
            let isNeeded = state.working + state.woken == 0 || state.items.count >= backlog
            return (true, isNeeded ? state.wake(atMost: 1) : 0)
        }
        signal(woken)
        return isAdded
    }

    /// Wakes another thread if items wait, even while one works: called at intervals.
    func wakeForWhatWaits() { signal(state.withLock { $0.items.isEmpty ? 0 : $0.wake(atMost: 1) }) }

    private func signal(_ count: Int) {
        for _ in 0..<count { semaphore.signal() }
    }

    /// Called by a thread when it has finished the items it took.
    func finish() { state.withLock { $0.working -= 1 } }

    /// Puts items back at the front. They are taken also when the queue is closed.
    func putBack(_ items: [Item]) {
        signal(
            state.withLock { state in
                state.items.insert(contentsOf: items, at: 0)
                return state.wake(atMost: items.count)
            })
    }

    /// Waits for items and takes them in order.
    ///
    /// - Returns: `nil` when the queue is closed and empty.
    func take(atMost count: Int) -> [Item]? {
        var wasWoken = false
        while true {
            let taken: [Item]?? = state.withLock { state in
                if wasWoken { state.woken -= 1 }
                if state.items.isEmpty {
                    if state.isClosed { return .some(nil) }
                    state.idle += 1
                    return nil
                }
                let taken = Array(state.items.prefix(count))
                state.items.removeFirst(taken.count)
                state.working += 1
                return .some(taken)
            }
            if let taken { return taken }
            semaphore.wait()
            wasWoken = true
        }
    }

    /// Refuses new items. Waiting ones are still taken.
    func close() {
        signal(
            state.withLock { state in
                state.isClosed = true
                return state.wake(atMost: state.idle)
            })
    }

    /// Takes all waiting items of a queue whose threads have ended.
    func takeAll() -> [Item] {
        state.withLock { state in
            defer { state.items = [] }
            return state.items
        }
    }
}
