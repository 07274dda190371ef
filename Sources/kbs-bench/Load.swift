import Foundation

/// The same request over and over from many workers, and what it cost the server.
struct Load {
    let requests: Int
    let duration: Double
    /// In seconds, sorted.
    let latencies: [Double]
    let cpu: (user: Double, system: Double)
    let memoryBefore: Int
    let memoryAfter: Int
    let bytesWritten: Int

    var cpuPerRequest: Double { (cpu.user + cpu.system) / Double(max(requests, 1)) }
    private var systemShare: Double { cpu.system / (cpu.user + cpu.system) }

    var summary: String {
        func percentile(_ share: Double) -> String {
            guard !latencies.isEmpty else { return "-" }
            return String(format: "%.1f ms", latencies[Int(Double(latencies.count - 1) * share)] * 1e3)
        }
        return String(format: "%.0f/s", Double(requests) / duration)
            + ", p50 \(percentile(0.5)), p99 \(percentile(0.99)), server CPU \(micro(cpuPerRequest)) each"
            + String(format: " (%.0f %% of it in the kernel)", systemShare * 100)
    }

    static func run(
        workers: Int, seconds: Int, on server: ServerProcess, _ request: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Load {
        let (cpu, memory, written) = (server.cpuTime, server.memory, server.bytesWritten)
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
        return Load(
            requests: latencies.count, duration: Self.seconds(since: start), latencies: latencies.sorted(),
            cpu: (server.cpuTime.user - cpu.user, server.cpuTime.system - cpu.system), memoryBefore: memory,
            memoryAfter: server.memory,
            bytesWritten: server.bytesWritten - written)
    }

    private static func seconds(since instant: ContinuousClock.Instant) -> Double {
        instant.duration(to: .now) / .seconds(1)
    }
}
