import Bytes
import Concurrency

/// Bounds the records that callers outside can cause.
///
/// Anyone can send evidence that is not genuine, or call without credentials, at any rate. Refusals are recorded up to
/// a number per minute; the number left out is recorded too, in one record.
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

    /// Takes one record from the budget.
    ///
    /// - Returns: `false`, and counts the record as left out, when the budget is spent.
    public func spend(at now: ContinuousClock.Instant = .now) -> Bool {
        state.withLock { state in
            guard allowance.take(from: &state.full, at: now) != nil else { return true }
            state.omitted += 1
            return false
        }
    }

    /// Counts a record that was left out though the budget had room: a repetition.
    func omit() { state.withLock { $0.omitted += 1 } }

    /// Returns the number of records left out, and resets it.
    public func takeOmitted() -> Int {
        state.withLock { state in
            defer { state.omitted = 0 }
            return state.omitted
        }
    }

    /// Adds a number back whose record could not be written.
    func giveBack(_ count: Int) { state.withLock { $0.omitted += count } }
}

/// A budget for each authenticated actor, so that no credential can fill the trail with refusals.
///
/// It remembers 4,096 actors; one that was evicted starts with a full budget.
package final class ActorBudgets: Sendable {
    /// The refusals of one actor that are recorded in a minute.
    package static let perMinute = 10
    private static let remembered = 4_096
    /// The number of actors whose left-out records are counted by name. All others share one count.
    private static let named = 16

    private let allowance = Allowance.perMinute(perMinute)
    private let buckets = BoundedCache<ExactText, ContinuousClock.Instant>(capacity: remembered)
    private let omitted = Lock<[ExactText: Int]>([:])

    init() {}

    /// Takes one record from the actor's budget.
    ///
    /// - Returns: `false`, and counts the record as left out, when the budget is spent.
    func spend(_ actor: Actor, at now: ContinuousClock.Instant = .now) -> Bool {
        let name = ExactText(actor.description)
        guard buckets.update(name, default: now, { allowance.take(from: &$0, at: now) }) != nil else { return true }
        count(1, of: name)
        return false
    }

    /// Returns the number of records left out, by actor, and resets it.
    func takeOmitted() -> [ExactText: Int] {
        omitted.withLock { omitted in
            defer { omitted = [:] }
            return omitted
        }
    }

    /// Adds numbers back whose record could not be written.
    func giveBack(_ counts: [ExactText: Int]) { for (name, count) in counts { self.count(count, of: name) } }

    private func count(_ count: Int, of name: ExactText) {
        omitted.withLock { omitted in
            let isNamed = omitted[name] != nil || omitted.count < Self.named
            omitted[isNamed ? name : ExactText("others"), default: 0] += count
        }
    }
}
