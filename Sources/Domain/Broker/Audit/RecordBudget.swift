import Bytes
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

    /// Counts one that was left out though there was room.
    func omit() { state.withLock { $0.omitted += 1 } }

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

/// A ``RecordBudget`` for each actor who has proved who they are, so that no credential writes without bound what it may
/// not do.
///
/// It remembers as many actors as are busy; one that it forgot has all of its budget.
package final class ActorBudgets: Sendable {
    /// Refusals of one actor in a minute.
    package static let perMinute = 10
    private static let remembered = 4_096
    /// Actors whose counts are kept apart. The others share one.
    private static let named = 16

    private let allowance = Allowance.perMinute(perMinute)
    private let buckets = BoundedCache<ExactText, ContinuousClock.Instant>(capacity: remembered)
    private let omitted = Lock<[ExactText: Int]>([:])

    init() {}

    /// Whether one more may be recorded; if not, it is counted.
    func spend(_ actor: Actor, at now: ContinuousClock.Instant = .now) -> Bool {
        let name = ExactText(actor.description)
        guard buckets.update(name, default: now, { allowance.take(from: &$0, at: now) }) != nil else { return true }
        count(1, of: name)
        return false
    }

    /// How many were left out since this was last asked, by actor.
    func takeOmitted() -> [ExactText: Int] {
        omitted.withLock { omitted in
            defer { omitted = [:] }
            return omitted
        }
    }

    /// Takes counts back that could not be written down.
    func giveBack(_ counts: [ExactText: Int]) { for (name, count) in counts { self.count(count, of: name) } }

    private func count(_ count: Int, of name: ExactText) {
        omitted.withLock { omitted in
            let isNamed = omitted[name] != nil || omitted.count < Self.named
            omitted[isNamed ? name : ExactText("others"), default: 0] += count
        }
    }
}
