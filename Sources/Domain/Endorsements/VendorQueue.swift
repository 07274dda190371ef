import Broker
import Concurrency
import Evidence
import Tracing

/// Requests to a vendor: none twice, at the pace that it allows, and each cause in its turn.
///
/// A request goes on when the guests that caused it have gone: what comes is kept for their next try. So hosts that
/// start together are served one after the other, however many tries each of their guests takes.
actor VendorQueue {
    struct Limits: Sendable {
        /// Requests under way at a time, and of one cause.
        var (underWay, underWayOfCause) = (8, 2)
        /// Documents that are wanted at a time, and for one cause.
        var (wanted, wantedByCause) = (1_024, 64)
        /// Guests that wait at a time, and of one cause. The others are told to come again.
        var (waiting, waitingOfCause) = (256, 64)
        /// Requests in a minute, and at once after a pause.
        var (perMinute, burst) = (120, 60)
        /// How long a request is tried for which nobody waits.
        var persistence = Duration.seconds(600)
        /// The longest pause of our own choosing.
        var longestPause = Duration.seconds(60)
        /// Documents that came when nobody waited.
        var kept = 256
    }

    /// What came of one request.
    enum Answer: Sendable {
        case final(Result<EndorsementDocument, EndorsementUnavailable>)
        /// The vendor cannot answer now, whatever it is asked.
        ///
        /// - Parameter isLimit: whether it was only asked too often.
        case later(EndorsementUnavailable, isLimit: Bool)
    }

    private struct Wanted {
        let cause: String
        let since: ContinuousClock.Instant
        let context: ServiceContext?
        let ask: @Sendable () async -> Answer
        var waiters: [Waiter] = []
    }

    private struct Waiter {
        let id: Int
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<EndorsementDocument, any Error>
    }

    private let limits: Limits
    private let time: VendorService.Time
    /// Everything that is not answered, by its name.
    private var wanted: [EndorsementName: Wanted] = [:]
    /// Of each cause, what has not been asked for, in order.
    private var lines: [String: [EndorsementName]] = [:]
    /// Those with a line, in the order of their turns.
    private var turns: [String] = []
    /// The cause of each request that is under way.
    private var underWay: [EndorsementName: String] = [:]
    private var arrived: [EndorsementName: EndorsementDocument] = [:]
    private var most: Int
    private var backoff = Duration.seconds(1)
    private var pause: (until: ContinuousClock.Instant, reason: EndorsementUnavailable)?
    private var full: ContinuousClock.Instant
    private var timer: Task<Void, Never>?
    private var lastWaiter = 0

    init(_ limits: Limits, time: VendorService.Time) {
        (self.limits, self.time) = (limits, time)
        most = limits.underWay
        full = time.now()
    }

    /// How many callers wait.
    var waiting: Int { wanted.values.reduce(0) { $0 + $1.waiters.count } }

    /// Whether anything is wanted.
    var isBusy: Bool { !wanted.isEmpty }

    /// What a vendor has under a name.
    ///
    /// - Parameters:
    ///   - cause: whose guest wants it.
    ///   - patience: how long it waits. What is sure to take longer fails at once.
    ///   - admit: is asked before a document is wanted that was not.
    ///   - ask: makes the request, perhaps more than once.
    func document(
        _ name: EndorsementName, for cause: String, within patience: Duration,
        admitting admit: @Sendable () throws -> Void, _ ask: @escaping @Sendable () async -> Answer
    ) async throws -> EndorsementDocument {
        if let document = arrived.removeValue(forKey: name) { return document }
        let now = time.now()
        let until = now.advanced(by: patience)
        if let pause, until < pause.until { throw unavailable(pause.reason, until: pause.until) }
        if wanted[name] == nil {
            try admit()
            try makeRoom(for: cause)
            wanted[name] = Wanted(cause: cause, since: now, context: ServiceContext.current, ask: ask)
            putInLine(name, of: cause, first: false)
            pump()
        }
        let own = wanted.values.reduce(0) { $0 + ($1.cause == cause ? $1.waiters.count : 0) }
        guard waiting < limits.waiting, own < limits.waitingOfCause else {
            throw EndorsementUnavailable(
                "many certificates are being fetched, and this one in its turn", retryAfter: 10)
        }
        lastWaiter += 1
        let id = lastWaiter
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                wanted[name]?.waiters.append(Waiter(id: id, until: until, continuation: continuation))
            }
        } onCancel: {
            Task { await self.leave(name, id) }
        }
    }

    private func leave(_ name: EndorsementName, _ id: Int) {
        guard let index = wanted[name]?.waiters.firstIndex(where: { $0.id == id }) else { return }
        wanted[name]?.waiters.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    // MARK: Turns

    /// Whoever wants the most makes room for the others.
    private func makeRoom(for cause: String) throws(EndorsementUnavailable) {
        let own = wanted.values.count { $0.cause == cause }
        let tooMany = EndorsementUnavailable("too many certificates are being fetched", retryAfter: 30)
        guard own < limits.wantedByCause else { throw tooMany }
        guard wanted.count >= limits.wanted else { return }
        guard let longest = lines.max(by: { $0.value.count < $1.value.count }), longest.value.count > own + 1,
            let name = longest.value.last
        else { throw tooMany }
        lines[longest.key]?.removeLast()
        finish(name, .failure(tooMany))
    }

    private func putInLine(_ name: EndorsementName, of cause: String, first: Bool) {
        if lines[cause] == nil { first ? turns.insert(cause, at: 0) : turns.append(cause) }
        first ? lines[cause, default: []].insert(name, at: 0) : lines[cause, default: []].append(name)
    }

    /// The next document to ask for, which leaves its line.
    private func takeTurn() -> (name: EndorsementName, cause: String)? {
        for _ in turns.indices {
            let cause = turns.removeFirst()
            guard underWay.values.count(where: { $0 == cause }) < limits.underWayOfCause else {
                turns.append(cause)
                continue
            }
            guard let name = lines[cause]?.first else { continue }
            lines[cause]?.removeFirst()
            if lines[cause]?.isEmpty == true { lines[cause] = nil } else { turns.append(cause) }
            return (name, cause)
        }
        return nil
    }

    // MARK: Requests

    private func pump() {
        let pace = Allowance(every: .seconds(60) / limits.perMinute, burst: limits.burst)
        while underWay.count < most {
            let now = time.now()
            if let pause, now < pause.until { return turns.isEmpty ? () : wake(at: pause.until) }
            guard let (name, cause) = takeTurn(), let request = wanted[name] else { return }
            if let wait = pace.take(from: &full, at: now) {
                putInLine(name, of: cause, first: true)
                return wake(at: now.advanced(by: wait))
            }
            underWay[name] = cause
            Task {
                // The trace is that of the guest that wanted it first.
                let answer = await ServiceContext.$current.withValue(request.context) { await request.ask() }
                self.take(answer, to: name)
            }
        }
    }

    private func wake(at instant: ContinuousClock.Instant) {
        guard timer == nil else { return }
        timer = Task { [time] in
            try? await time.sleep(time.now().duration(to: instant))
            self.wakeUp()
        }
    }

    private func wakeUp() {
        timer = nil
        pump()
    }

    private func take(_ answer: Answer, to name: EndorsementName) {
        guard let cause = underWay.removeValue(forKey: name) else { return }
        switch answer {
        case .final(let result):
            // It answers; so it may be asked for more at a time again.
            (most, backoff) = (min(most + 1, limits.underWay), .seconds(1))
            finish(name, result)
        case .later(let reason, let isLimit):
            most = 1
            let wait = reason.retryAfter.map { Duration.seconds($0) } ?? (isLimit ? .seconds(1) : backoff)
            if !isLimit { backoff = min(backoff * 2, limits.longestPause) }
            let until = max(pause?.until ?? time.now(), time.now().advanced(by: wait))
            pause = (until, reason)
            dismissWaiters(until, reason)
            if let request = wanted[name], request.waiters.isEmpty,
                request.since.duration(to: time.now()) > limits.persistence
            {
                finish(name, .failure(reason))
            } else {
                putInLine(name, of: cause, first: true)
            }
        }
        pump()
    }

    /// Those who would wait in vain. What they want stays wanted.
    private func dismissWaiters(_ until: ContinuousClock.Instant, _ reason: EndorsementUnavailable) {
        let error = unavailable(reason, until: until)
        for name in wanted.keys {
            let impatient = wanted[name]?.waiters.filter { $0.until < until } ?? []
            wanted[name]?.waiters.removeAll { $0.until < until }
            for waiter in impatient { waiter.continuation.resume(throwing: error) }
        }
    }

    private func finish(_ name: EndorsementName, _ result: Result<EndorsementDocument, EndorsementUnavailable>) {
        guard let request = wanted.removeValue(forKey: name) else { return }
        for waiter in request.waiters { waiter.continuation.resume(with: result.mapError { $0 }) }
        guard request.waiters.isEmpty, case .success(let document) = result else { return }
        if arrived.count >= limits.kept, let other = arrived.keys.first { arrived[other] = nil }
        arrived[name] = document
    }

    private func unavailable(
        _ reason: EndorsementUnavailable, until: ContinuousClock.Instant
    ) -> EndorsementUnavailable {
        EndorsementUnavailable(
            reason.reason, detail: reason.detail,
            retryAfter: max(1, Int(time.now().duration(to: until).components.seconds)), isOfVendor: true)
    }
}
