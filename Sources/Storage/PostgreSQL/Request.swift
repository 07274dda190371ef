import Broker
import Dispatch
import Foundation
import Synchronization

/// Someone who waits for an answer, until a deadline. The first answer counts.
final class Request<T: Sendable>: Expiring {
    let deadline: ContinuousClock.Instant
    private let continuation: Mutex<CheckedContinuation<T, any Error>?>

    init(_ continuation: CheckedContinuation<T, any Error>, deadline: ContinuousClock.Instant) {
        self.deadline = deadline
        self.continuation = Mutex(continuation)
    }

    var isFinished: Bool { continuation.withLock { $0 == nil } }

    func finish(_ result: Result<T, any Error>) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        waiting?.resume(with: result)
    }

    /// Whether what is under way is done in the end is not known: who asks again finds out.
    func expire() { finish(.failure(Refusal.databaseUnavailable())) }

    func fail(_ error: any Error) { finish(.failure(error)) }
}

protocol Expiring: AnyObject, Sendable {
    var deadline: ContinuousClock.Instant { get }
    var isFinished: Bool { get }
    func expire()
    func fail(_ error: any Error)
}

extension Expiring {
    /// Whether an answer is still of use. Who has waited for too long is told so.
    var isWaiting: Bool {
        if deadline <= .now { expire() }
        return !isFinished
    }
}

/// Answers everyone in time, also while all threads wait for a server that does not answer, or for a name server.
final class Deadlines: Sendable {
    private struct State {
        var waiting: [any Expiring] = []
        var isWatching = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "kbs.postgresql.deadlines")

    func watch(_ request: any Expiring) {
        let mustStart = state.withLock { state in
            state.waiting.append(request)
            defer { state.isWatching = true }
            return !state.isWatching
        }
        if mustStart { schedule() }
    }

    private func schedule() {
        queue.asyncAfter(deadline: .now() + .milliseconds(100)) { self.look() }
    }

    private func look() {
        let now = ContinuousClock.now
        let (expired, goesOn) = state.withLock { state in
            state.waiting.removeAll(where: \.isFinished)
            let expired = state.waiting.filter { $0.deadline <= now }
            state.waiting.removeAll { $0.deadline <= now }
            state.isWatching = !state.waiting.isEmpty
            return (expired, state.isWatching)
        }
        for request in expired { request.expire() }
        if goesOn { schedule() }
    }
}

/// Work that waits for a thread.
final class WorkQueue<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        /// Threads that wait for the semaphore, and whom nobody has woken yet.
        var idle = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let semaphore = DispatchSemaphore(value: 0)
    /// More than a server answers within a request's time.
    private let mostWaiting = 20_000

    var count: Int { state.withLock { $0.items.count } }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// - Returns: `false` when there are too many already, or it is closed.
    func add(_ item: Item) -> Bool {
        let (isAdded, mustWake) = state.withLock { state in
            guard !state.isClosed, state.items.count < mostWaiting else { return (false, false) }
            state.items.append(item)
            guard state.idle > 0 else { return (true, false) }
            state.idle -= 1
            return (true, true)
        }
        if mustWake { semaphore.signal() }
        return isAdded
    }

    /// Puts back what could not be done now, before all others. It is taken also when the queue is closed.
    func putBack(_ items: [Item]) {
        let woken = state.withLock { state in
            state.items.insert(contentsOf: items, at: 0)
            let woken = min(state.idle, items.count)
            state.idle -= woken
            return woken
        }
        for _ in 0..<woken { semaphore.signal() }
    }

    /// Waits until there is something, and takes it in the order in which it came.
    ///
    /// - Returns: `nil` when the queue is closed and empty.
    func take(atMost count: Int) -> [Item]? {
        while true {
            let taken: [Item]?? = state.withLock { state in
                if state.items.isEmpty {
                    if state.isClosed { return .some(nil) }
                    state.idle += 1
                    return nil
                }
                let taken = Array(state.items.prefix(count))
                state.items.removeFirst(taken.count)
                return .some(taken)
            }
            if let taken { return taken }
            semaphore.wait()
        }
    }

    /// Nothing more is added; what waits is done.
    func close() {
        let woken = state.withLock { state in
            state.isClosed = true
            defer { state.idle = 0 }
            return state.idle
        }
        for _ in 0..<woken { semaphore.signal() }
    }

    /// What still waits, of a queue that nobody takes from any more.
    func takeAll() -> [Item] {
        state.withLock { state in
            defer { state.items = [] }
            return state.items
        }
    }
}
