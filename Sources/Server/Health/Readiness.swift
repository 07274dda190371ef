import Synchronization

/// One thing that must work for the server to be of use.
struct ReadinessCheck: Sendable {
    /// One word, shown to anybody.
    let name: String
    /// Throws what is wrong. The reason is shown to operators only.
    let run: @Sendable () async throws -> Void

    init(_ name: String, run: @escaping @Sendable () async throws -> Void) {
        self.name = name
        self.run = run
    }
}

/// Whether requests should be sent here. However often it is asked, each check runs once a second at most.
actor Readiness {
    struct Result: Sendable, Hashable {
        let name: String
        /// `nil` when it passes.
        let failure: String?
    }

    private let checks: [ReadinessCheck]
    private let pause: Duration
    private let patience: Duration
    private var latest: (results: [Result], at: ContinuousClock.Instant)?
    private var underWay: Task<[Result], Never>?
    private var isStopping = false

    /// - Parameters:
    ///   - pause: how long results are good for.
    ///   - patience: how long a check may take before it counts as failed.
    init(_ checks: [ReadinessCheck], pause: Duration = .seconds(1), patience: Duration = .seconds(2)) {
        self.checks = checks
        self.pause = pause
        self.patience = patience
    }

    /// From now on the server is not ready, because it is about to end.
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
                for (place, check) in checks.enumerated() {
                    group.addTask { (place, await Self.run(check, within: patience)) }
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

    /// A disk that hangs holds its check for as long as it likes, and nobody waits for it: not a task group.
    private static func run(_ check: ReadinessCheck, within patience: Duration) async -> Result {
        let (results, report) = AsyncStream.makeStream(of: Result.self, bufferingPolicy: .bufferingOldest(1))
        let trial = Task {
            do {
                try await check.run()
                report.yield(Result(name: check.name, failure: nil))
            } catch {
                report.yield(Result(name: check.name, failure: "\(error)"))
            }
        }
        let limit = Task {
            try await Task.sleep(for: patience)
            report.yield(Result(name: check.name, failure: "no answer within \(patience)"))
            trial.cancel()
        }
        defer { limit.cancel() }
        return await results.first { _ in true } ?? Result(name: check.name, failure: "it did not end")
    }
}
