import Concurrency

/// The same request over and over from many workers.
struct Load {
    let requests: Int
    /// In seconds.
    let duration: Double
    /// In seconds, sorted.
    let latencies: [Double]

    var rate: Double { Double(requests) / duration }

    /// - Parameter share: from 0 to 1.
    /// - Returns: seconds.
    func percentile(_ share: Double) -> Double {
        latencies.isEmpty ? .nan : latencies[Int(Double(latencies.count - 1) * share)]
    }

    /// - Parameter request: is told which worker makes it. What it throws ends all.
    static func run(
        workers: Int, seconds: Int, _ request: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Load {
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var times: [Double] = []
                    while ContinuousClock.now < end {
                        let begin = ContinuousClock.now
                        try await request(worker)
                        times.append(Self.seconds(since: begin))
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Load(requests: latencies.count, duration: Self.seconds(since: start), latencies: latencies.sorted())
    }

    /// The same for what blocks: each worker has a thread.
    static func blocking(
        workers: Int, seconds: Int, _ make: @escaping @Sendable (Int) throws -> () throws -> Void
    ) async throws -> Load {
        let start = ContinuousClock.now
        let end = start.advanced(by: .seconds(seconds))
        let latencies = try await withThrowingTaskGroup(of: [Double].self) { group in
            for worker in 0..<workers {
                group.addTask {
                    try await BlockingThread.run("load") {
                        let request = try make(worker)
                        var times: [Double] = []
                        while ContinuousClock.now < end {
                            let begin = ContinuousClock.now
                            try request()
                            times.append(Self.seconds(since: begin))
                        }
                        return times
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return Load(requests: latencies.count, duration: Self.seconds(since: start), latencies: latencies.sorted())
    }

    static func seconds(since instant: ContinuousClock.Instant) -> Double { instant.duration(to: .now) / .seconds(1) }
}
