import Concurrency
import Dispatch

/// A condition for the server's readiness.
struct ReadinessCheck: Sendable {
    /// One word, shown to every caller.
    let name: String
    /// Throws the reason of a failure, which is shown to operators only.
    let run: @Sendable () async throws -> Void
}

/// Whether the server should get requests. Each check runs at most once a second, however often it is asked.
actor Readiness {
    struct Result: Sendable, Hashable {
        let name: String
        /// `nil` when it passes.
        let failure: String?
    }

    private let checks: [CheckRunner]
    private let pause: Duration
    private let patience: Duration
    private var latest: (results: [Result], at: ContinuousClock.Instant)?
    private var underWay: Task<[Result], Never>?
    private var isStopping = false

    /// - Parameters:
    ///   - pause: how long results are reused.
    ///   - patience: the time after which a running check counts as failed.
    init(_ checks: [ReadinessCheck], pause: Duration = .seconds(1), patience: Duration = .seconds(2)) {
        self.checks = checks.map { CheckRunner($0) }
        self.pause = pause
        self.patience = patience
    }

    /// Makes the server not ready, before it stops.
    func stop() { isStopping = true }

    /// Each check in order, and `serving`, which fails while the server stops.
    func results() async -> [Result] {
        [Result(name: "serving", failure: isStopping ? "the server is stopping" : nil)] + (await checked())
    }

    private func checked() async -> [Result] {
        if let latest, latest.at.advanced(by: pause) > .now { return latest.results }
        if let underWay { return await underWay.value }
        let (checks, patience) = (checks, patience)
        let task = Task {
            await withTaskGroup(of: (Int, Result).self) { group in
                for (index, check) in checks.enumerated() {
                    group.addTask { (index, await check.run(within: patience)) }
                }
                var results: [(Int, Result)] = []
                for await result in group { results.append(result) }
                return results.sorted { $0.0 < $1.0 }.map(\.1)
            }
        }
        underWay = task
        let results = await task.value
        latest = (results, .now)
        underWay = nil
        return results
    }
}

/// Runs one check, one run at a time.
///
/// A disk that hangs blocks a run indefinitely. Callers do not wait for it, no other run begins meanwhile, and the
/// blocked thread is this check's own.
private final class CheckRunner: Sendable {
    private typealias Result = Readiness.Result

    private let check: ReadinessCheck
    private let thread: CheckThread
    private let isUnderWay = Lock(false)

    init(_ check: ReadinessCheck) {
        self.check = check
        thread = CheckThread(check.name)
    }

    func run(within patience: Duration) async -> Readiness.Result {
        let mayBegin = isUnderWay.withLock { isUnderWay in
            defer { isUnderWay = true }
            return !isUnderWay
        }
        guard mayBegin else { return Result(name: check.name, failure: "the last trial has not ended") }
        // Not a task group, which would wait for the check to end.
        let (results, report) = AsyncStream.makeStream(of: Readiness.Result.self, bufferingPolicy: .bufferingOldest(1))
        let trial = Task(executorPreference: thread) { [self] in
            let failure: String?
            do {
                try await check.run()
                failure = nil
            } catch {
                failure = "\(error)"
            }
            isUnderWay.withLock { $0 = false }
            report.yield(Result(name: check.name, failure: failure))
        }
        let limit = Task { [name = check.name] in
            try await Task.sleep(for: patience)
            report.yield(Result(name: name, failure: "no answer within \(patience)"))
            trial.cancel()
        }
        defer { limit.cancel() }
        return await results.first { _ in true } ?? Result(name: check.name, failure: "the check gave no result")
    }
}

/// Runs tasks one at a time, on a thread of its own instead of the tasks' shared threads.
private final class CheckThread: TaskExecutor {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: "kbs.readiness.\(name)") }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
