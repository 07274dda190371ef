import SimulatedHardware

/// Many guests that all begin at the same moment, each with a workload of its own, and go on until they have their key.
struct BootStorm: Sendable {
    /// In seconds from the beginning until a guest had its key, sorted.
    let times: [Double]
    /// Requests that were refused for now or got no answer, by what the guest was told.
    let failures: [String: Int]

    static func run(_ count: Int, workloads: Int, of population: Population, on replicas: Replicas) async throws -> Self
    {
        let guests = try (0..<count).map { number in
            (
                number: number * max(1, workloads / count),
                guest: try population.guest(number * max(1, workloads / count))
            )
        }
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: (Double, [String]).self) { group in
            for (number, guest) in guests {
                group.addTask {
                    let failures = try await boot(guest, Population.secret(number), on: replicas)
                    return (Load.seconds(since: start), failures)
                }
            }
            var (times, failures): ([Double], [String: Int]) = ([], [:])
            for try await (time, failed) in group {
                times.append(time)
                for failure in failed { failures[failure, default: 0] += 1 }
            }
            return BootStorm(times: times.sorted(), failures: failures)
        }
    }

    /// As a guest's program does that is told to wait: it begins anew after as long as it was told, and no two at once.
    private static func boot(
        _ guest: SimulatedSNPGuest, _ secret: String, on replicas: Replicas
    ) async throws -> [String] {
        var failures: [String] = []
        while true {
            do {
                try await replicas.boot(guest, expecting: secret)
                return failures
            } catch let refused as GuestTransport.Refused {
                guard refused.status == 503 || refused.status == 429, failures.count < 100 else { throw refused }
                failures.append("\(refused.status)")
                let seconds = Double(refused.retryAfter ?? 1)
                try await Task.sleep(for: .seconds(Double.random(in: seconds...2 * seconds)))
            } catch let error where !(error is Crowd.WrongSecret) && !(error is CancellationError) {
                guard failures.count < 100 else { throw error }
                failures.append("\(error)")
                try await Task.sleep(for: .seconds(Double.random(in: 1...2)))
            }
        }
    }
}
