import Broker
import Concurrency
import Dispatch

/// A caller that waits for an answer until a deadline. The first answer counts.
final class Request<T: Sendable>: Expiring {
    let deadline: ContinuousClock.Instant
    private let continuation: Lock<CheckedContinuation<T, any Error>?>

    init(_ continuation: CheckedContinuation<T, any Error>, deadline: ContinuousClock.Instant) {
        self.deadline = deadline
        self.continuation = Lock(continuation)
    }

    var isFinished: Bool { continuation.withLock { $0 == nil } }

    func finish(_ result: Result<T, any Error>) {
        let waiting = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        waiting?.resume(with: result)
    }

    /// Fails the request at its deadline. Whether its write is committed in the end is unknown: a retry finds out.
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
    /// Whether the caller still waits. A request past its deadline is failed here.
    var isWaiting: Bool {
        if deadline <= .now { expire() }
        return !isFinished
    }
}

/// Fails requests at their deadline, also while all threads wait for a database or name server that does not answer.
final class Deadlines: Sendable {
    private struct Observer { let tick: @Sendable () -> Void }

    private struct State {
        var waiting: [any Expiring] = []
        var isWatching = false
        var observers: [Observer] = []
    }

    private let state = Lock(State())
    private let queue = DispatchQueue(label: "kbs.postgresql.deadlines")

    func watch(_ request: any Expiring) {
        let mustStart = state.withLock { state in
            state.waiting.append(request)
            defer { state.isWatching = true }
            return !state.isWatching
        }
        if mustStart { schedule() }
    }

    /// Calls `tick` ten times a second while requests wait.
    func observe(_ tick: @escaping @Sendable () -> Void) {
        state.withLock { $0.observers.append(Observer(tick: tick)) }
    }

    private func schedule() {
        queue.asyncAfter(deadline: .now() + .milliseconds(100)) { self.look() }
    }

    private func look() {
        let now = ContinuousClock.now
        let (expired, observers, goesOn) = state.withLock { state in
            state.waiting.removeAll(where: \.isFinished)
            let expired = state.waiting.filter { $0.deadline <= now }
            state.waiting.removeAll { $0.deadline <= now }
            state.isWatching = !state.waiting.isEmpty
            return (expired, state.observers, state.isWatching)
        }
        for request in expired { request.expire() }
        for observer in observers { observer.tick() }
        if goesOn { schedule() }
    }
}
