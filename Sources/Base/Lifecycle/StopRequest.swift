import Concurrency

/// A request to the parts of a program to finish and return. It is made once, for good.
public final class StopRequest: Sendable {
    private struct State {
        var isMade = false
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Lock(State())

    public init() {}

    public var isMade: Bool { state.withLock { $0.isMade } }

    /// Makes the request: present and future waiters return.
    public func make() {
        let waiters = state.withLock { state in
            state.isMade = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when the request is made, or when the task is cancelled.
    public func wait() async {
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard !state.isMade, !Task.isCancelled else { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }

    /// Sleeps for the duration, or until the request is made or the task is cancelled.
    ///
    /// - Returns: whether the duration passed.
    public func sleep(for duration: Duration) async -> Bool {
        guard !isMade else { return false }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await Task.sleep(for: duration) }
            group.addTask { await self.wait() }
            await group.next()
            group.cancelAll()
        }
        return !isMade && !Task.isCancelled
    }
}
