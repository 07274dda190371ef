import Arguments
import Concurrency
import Evidence
import FastP384
import SimulatedHardware

/// Whether a server that has worked for long has become larger: docs/performance.md.
struct SoakBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak",
        abstract:
            "Boot guests by the hundred thousand; ends with 1 if the server's memory or descriptors go on growing.")

    @Option(help: "The kbs binary.") var server: String
    @Option(help: "The guests' dialect: virtee or coco.") var dialect = "virtee"
    @Option(help: "How many handshakes in all.") var handshakes = 200_000
    @Option(help: "After how many handshakes memory and descriptors must stay as they are.") var warm = 50_000
    @Option(help: "How many simulated guests run at a time.") var guests = 8
    @Option(help: "By how much memory may differ then, in percent.") var tolerance = 3
    @Flag(help: "Speak TLS.") var tls = false

    /// Of what is looked at in between, in handshakes.
    private static let batch = 10_000

    func validate() throws {
        guard Crowd.Dialect(rawValue: dialect) != nil else { throw ValidationError("--dialect is virtee or coco") }
        guard guests > 0, warm > 0, handshakes > warm else {
            throw ValidationError("--guests and --warm are more than 0, and --handshakes is more than --warm")
        }
    }

    func run() async throws {
        FastP384.install()
        let platform = try SimulatedSNPPlatform(product: .milan)
        let folder = try BenchFolder()
        defer { folder.remove() }
        var plan = ServerProcess.Plan(binary: server, roots: platform.roots)
        plan.tls = tls
        plan.preparations = try Crowd.preparations(in: folder)
        let process = try await ServerProcess.start(plan)
        let crowd = try await Crowd(guests, Crowd.Keys(guests, on: platform), on: platform, process)
        report("| handshakes | per second | server's CPU for each | resident, KiB | descriptors |")
        report("| --- | --- | --- | --- | --- |")
        var samples: [(memory: Int, descriptors: Int)] = []
        var done = 0
        while done < handshakes {
            let count = min(Self.batch, (done < warm ? warm : handshakes) - done)
            let (start, before) = (ContinuousClock.now, process.statistics.cpuTime)
            try await boot(count, crowd)
            done += count
            let statistics = process.statistics
            let (memory, descriptors) = (statistics.memory, statistics.descriptors)
            let rate = Int(Double(count) / Load.seconds(since: start))
            let each = (statistics.cpuTime - before) / Double(count)
            report("| \(done) | \(rate) | \(micro(each)) | \(memory) | \(descriptors) |")
            if done >= warm { samples.append((memory, descriptors)) }
        }
        await process.stop()
        try judge(samples)
    }

    private func boot(_ count: Int, _ crowd: Crowd) async throws {
        let dialect = Crowd.Dialect(rawValue: dialect) ?? .virtee
        let left = Lock(count)
        try await withThrowingTaskGroup { group in
            for guest in 0..<guests {
                group.addTask {
                    let isMore = {
                        left.withLock { left in
                            left -= 1
                            return left >= 0
                        }
                    }
                    while isMore() { try await crowd.boot(guest, dialect) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func judge(_ samples: [(memory: Int, descriptors: Int)]) throws {
        let (memory, descriptors) = (samples.map(\.memory), Set(samples.map(\.descriptors)))
        let (least, most) = (memory.min() ?? 0, memory.max() ?? 0)
        let percent = Double((most - least) * 1_000 / max(least, 1)) / 10
        report("\nover the last \(handshakes - warm): \(least) to \(most) KiB resident (\(percent) %)")
        guard descriptors.count == 1, (most - least) * 100 <= least * tolerance else {
            report("it goes on growing")
            throw ExitCode(1)
        }
    }
}
