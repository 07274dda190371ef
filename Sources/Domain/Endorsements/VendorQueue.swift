import Broker
import Concurrency
import Evidence
import Tracing

/// The requests to a vendor: without repetitions, at the vendor's pace, and round robin over their causes.
///
/// A request continues after the guests that caused it have gone, and its answer is kept for their next try. So hosts
/// that start together are served one after the other, however often their guests retry.
actor VendorQueue {
    struct Limits: Sendable {
        /// Concurrent requests, in all and of one cause.
        var (underWay, underWayOfCause) = (8, 2)
        /// Wanted documents, in all and of one cause.
        var (wanted, wantedByCause) = (1_024, 64)
        /// Waiting guests, in all and of one cause. More are told to retry.
        var (waiting, waitingOfCause) = (256, 64)
        /// Requests per minute, and at once after a pause.
        var (perMinute, burst) = (120, 60)
        /// How long a request without waiting guests is repeated.
        var persistence = Duration.seconds(600)
        /// The longest pause, unless the vendor asks for a longer one.
        var longestPause = Duration.seconds(60)
        /// Documents that arrived without waiting guests.
        var kept = 256
    }

    /// The outcome of a request.
    enum Answer: Sendable {
        case final(Result<EndorsementDocument, EndorsementUnavailable>)
        /// The vendor cannot answer any request now.
        ///
        /// - Parameter isLimit: whether it limits the rate.
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
    /// All unanswered requests.
    private var wanted: [EndorsementName: Wanted] = [:]
    /// The requests of each cause that were not sent yet, in order.
    private var lines: [String: [EndorsementName]] = [:]
    /// The causes with such requests, in the order of their turns.
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

    /// The number of waiting callers.
    var waiting: Int { wanted.values.reduce(0) { $0 + $1.waiters.count } }

    /// Whether any request is unanswered.
    var isBusy: Bool { !wanted.isEmpty }

    /// Requests a document, or joins the request for it.
    ///
    /// - Parameters:
    ///   - cause: the network of the guest that wants it.
    ///   - patience: how long the caller waits. A longer pause of the vendor fails the call at once.
    ///   - admit: called before a new request, and may refuse it.
    ///   - ask: sends the request, perhaps more than once.
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

    /// Makes room for a request, at the expense of the cause with the most requests.
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

    /// Removes the next request from its line.
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
                // The request belongs to the trace of the guest that wanted it first.
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
            // The vendor answers again, so concurrency may grow.
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

    /// Ends the waiting of callers whose patience is shorter than the pause. Their requests stay.
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
