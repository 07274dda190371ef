public import Foundation
import Synchronization

/// Bounds what strangers can write into the trail.
///
/// Anyone can send evidence that is not genuine or ask without credentials, as often as they like. Such attempts
/// are recorded up to a number per minute; how many more there were is recorded too, in one record.
public final class RecordBudget: Sendable {
    private struct State {
        var available: Double
        var updated: Date
        var omitted = 0
    }

    private let perMinute: Double
    private let state: Mutex<State>

    public init(perMinute: Int, at time: Date) {
        self.perMinute = Double(perMinute)
        state = Mutex(State(available: Double(perMinute), updated: time))
    }

    /// Whether one more may be recorded; if not, it is counted.
    public func spend(at time: Date) -> Bool {
        state.withLock { state in
            let passed = max(0, time.timeIntervalSince(state.updated))
            state.available = min(perMinute, state.available + passed * perMinute / 60)
            state.updated = max(state.updated, time)
            guard state.available >= 1 else {
                state.omitted += 1
                return false
            }
            state.available -= 1
            return true
        }
    }

    /// How many were left out since this was last asked.
    public func takeOmitted() -> Int {
        state.withLock { state in
            defer { state.omitted = 0 }
            return state.omitted
        }
    }
}
