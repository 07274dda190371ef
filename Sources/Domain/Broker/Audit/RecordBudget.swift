import Concurrency

/// Bounds what others can write into the trail.
///
/// Anyone can send evidence that is not genuine or ask without credentials, as often as they like. Such attempts
/// are recorded up to a number per minute; how many more there were is recorded too, in one record.
public final class RecordBudget: Sendable {
    private struct State {
        var full: ContinuousClock.Instant
        var omitted = 0
    }

    private let allowance: Allowance
    private let state: Lock<State>

    /// - Parameter perMinute: above zero.
    public init(perMinute: Int, at now: ContinuousClock.Instant = .now) {
        allowance = .perMinute(perMinute)
        state = Lock(State(full: now))
    }

    /// Whether one more may be recorded; if not, it is counted.
    public func spend(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard allowance.take(from: &state.full, at: now) != nil else { return true }
            state.omitted += 1
            return false
        }
    }

    /// How many were left out since this was last asked.
    public func takeOmitted() -> Int {
        state.withLock { state in
            defer { state.omitted = 0 }
            return state.omitted
        }
    }

    /// Takes a count back that could not be written down.
    func giveBack(_ count: Int) { state.withLock { $0.omitted += count } }
}
