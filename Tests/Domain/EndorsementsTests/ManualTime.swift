import Concurrency

@testable import Endorsements

/// Time that passes when someone sleeps, or when it is told to, so that nothing depends on how busy the machine is.
final class ManualTime: Sendable {
    private struct Sleeper {
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var now = ContinuousClock.now
        var slept: [Duration] = []
        var sleepers: [Sleeper] = []
    }

    private let state = Lock(State())
    private let start: ContinuousClock.Instant
    private let passesBySleeping: Bool

    init(passesBySleeping: Bool = true) {
        self.passesBySleeping = passesBySleeping
        start = state.withLock { $0.now }
    }

    var slept: [Duration] { state.withLock { $0.slept } }

    /// Since it was made.
    var passed: Duration { state.withLock { start.duration(to: $0.now) } }

    func advance(by duration: Duration) {
        let awake = state.withLock { state in
            state.now += duration
            defer { state.sleepers.removeAll { $0.until <= state.now } }
            return state.sleepers.filter { $0.until <= state.now }
        }
        for sleeper in awake { sleeper.continuation.resume() }
    }

    var time: VendorService.Time {
        VendorService.Time(
            now: { self.state.withLock { $0.now } },
            sleep: { duration in
                self.state.withLock { $0.slept.append(duration) }
                guard !self.passesBySleeping else { return self.advance(by: duration) }
                await withCheckedContinuation { continuation in
                    self.state.withLock {
                        $0.sleepers.append(Sleeper(until: $0.now + duration, continuation: continuation))
                    }
                }
            })
    }
}
