import Arguments
import BrokerSupport
import Concurrency
import Evidence
import FastP384
import Files
import Glibc
import HTTP
import HTTPClient
import HTTPServer
import SimulatedHardware

/// Whether honest guests are served while strangers do what they can: docs/limits.md.
struct HostileBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile",
        abstract: "Measure what a stranger's requests cost, and what honest guests notice of them.",
        discussion: """
            Ends with 1 when an honest guest's slowest hundredth takes more than twice as long beside a stranger as \
            without, when /livez takes more than 100 ms, or when one chip's handshakes are refused.
            """)

    @Option(help: "The kbs binary.") var server: String
    @Option(help: "How long each load runs, in seconds.") var seconds = 5
    @Option(help: "How many handshakes one chip makes in two minutes.") var handshakes = 2_000

    private static let pause = Duration.milliseconds(10)

    func validate() throws {
        guard seconds > 0, handshakes > 0 else { throw ValidationError("--seconds and --handshakes are more than 0") }
    }

    func run() async throws {
        FastP384.install()
        let platform = try SimulatedSNPPlatform(product: .milan)
        let keys = try Crowd.Keys(2, on: platform)
        // AMD, which knows none of these chips and takes its time.
        let vendor = try VendorStandIn()
        var isHeld = true
        try await withServer(platform, vendor, isLimited: false) { server in
            _ = try await Crowd(2, keys, on: platform, server)
            try await costs(server, platform)
        }
        try await withServer(platform, vendor, isLimited: true) { server in
            let crowd = try await Crowd(2, keys, on: platform, server)
            isHeld = try await honest(crowd, server, platform) && isHeld
        }
        try await withServer(platform, vendor, isLimited: true) { server in
            isHeld = try await oneChip(server, platform, keys) && isHeld
        }
        await vendor.stop()
        guard isHeld else { throw ExitCode(1) }
    }

    private func withServer(
        _ platform: SimulatedSNPPlatform, _ vendor: VendorStandIn, isLimited: Bool,
        _ body: (ServerProcess) async throws -> Void
    ) async throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        var plan = ServerProcess.Plan(binary: server, roots: platform.roots)
        plan.preparations = try Crowd.preparations(in: folder)
        plan.isLimited = isLimited
        plan.vendor = vendor.address
        let process = try await ServerProcess.start(plan)
        try await body(process)
        await process.stop()
    }

    private static let sevWorkload = "bench/sev"

    private func loads(_ server: ServerProcess, _ platform: SimulatedSNPPlatform) async throws -> [HostileLoad] {
        let transport = GuestTransport(base: server.base, client: HTTP1Client(), token: server.token)
        try await transport.register(
            Self.sevWorkload, measurement: String(repeating: "01", count: 32), configuration: "", secret: "secret")
        return try await HostileLoad.all(server, on: platform, sev: Self.sevWorkload)
    }

    // MARK: What each costs

    private func costs(_ server: ServerProcess, _ platform: SimulatedSNPPlatform) async throws {
        report(
            "| a stranger's request, without limits by address | per second | CPU for each | log for each | disk for each | memory, MB |"
        )
        report("| --- | --- | --- | --- | --- | --- |")
        for load in try await loads(server, platform) {
            let before = (server.statistics.cpuTime, server.logSize, server.dataSize)
            let done = try await hostile(load, server, from: 0x7F01_0001, for: seconds)
            let count = max(done, 1)
            let cpu = (server.statistics.cpuTime - before.0) / Double(count)
            let log = Double(server.logSize - before.1) / Double(count)
            let disk = Double(server.dataSize - before.2) / Double(count)
            report(
                "| \(load.name) | \(done / seconds) | \(micro(cpu)) | \(decimal(log)) B | \(decimal(disk)) B | "
                    + "\(megabytes(server.statistics.memory)) |")
        }
    }

    private func hostile(
        _ load: HostileLoad, _ server: ServerProcess, from source: UInt32, for seconds: Int
    ) async throws -> Int {
        let target = try KeptConnection.Target(server)
        return try await Load.blocking(workers: load.connections, seconds: seconds) { number in
            // What is measured is the server: it goes before whoever makes the requests.
            setpriority(__priority_which_t(UInt32(PRIO_PROCESS.rawValue)), 0, 19)
            return load.worker(number, to: target, from: source)
        }.requests
    }

    // MARK: Honest guests

    private func honest(
        _ crowd: Crowd, _ server: ServerProcess, _ platform: SimulatedSNPPlatform
    ) async throws -> Bool {
        let loads = try await loads(server, platform)
        _ = try await boots(crowd, server, for: 1)
        let alone = try await boots(crowd, server, for: seconds)
        report(
            "\n| beside honest guests, with the limits' defaults | a stranger's requests | guests' p99 | /livez, slowest |"
        )
        report("| --- | --- | --- | --- |")
        report("| nobody | 0 | \(milli(alone.p99)) | \(milli(alone.livez)) |")
        var isHeld = true
        for (index, load) in loads.enumerated() {
            // Another address each time, with a burst of its own.
            let source = 0x7F01_0101 + UInt32(index)
            async let done = hostile(load, server, from: source, for: seconds)
            let beside = try await boots(crowd, server, for: seconds)
            let isGood = beside.p99 <= 2 * alone.p99 && beside.livez <= 0.1
            isHeld = isHeld && isGood
            report(
                "| \(load.name) | \(try await done / seconds)/s | \(milli(beside.p99)) | \(milli(beside.livez))"
                    + (isGood ? " |" : ": MISSED |"))
        }
        return isHeld
    }

    /// Guests of either dialect that boot one after another, and somebody who asks whether the server is alive.
    private func boots(
        _ crowd: Crowd, _ server: ServerProcess, for seconds: Int
    ) async throws -> (p99: Double, livez: Double) {
        let target = try KeptConnection.Target(server)
        let end = ContinuousClock.now.advanced(by: .seconds(seconds))
        async let livez = BlockingThread.run("livez") {
            let connection = KeptConnection(target, from: 0x7F00_0002)
            var longest = 0.0
            while ContinuousClock.now < end {
                let begin = ContinuousClock.now
                try connection.exchange(.get, Call.livez.request)
                longest = max(longest, Load.seconds(since: begin))
                usleep(5_000)
            }
            return longest
        }
        let times = try await withThrowingTaskGroup(of: [Double].self) { group in
            for (number, dialect) in Crowd.Dialect.allCases.enumerated() {
                group.addTask {
                    var times: [Double] = []
                    while ContinuousClock.now < end {
                        let begin = ContinuousClock.now
                        try await crowd.boot(number, dialect)
                        times.append(Load.seconds(since: begin))
                        try await Task.sleep(for: Self.pause)
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }.sorted()
        return (times.isEmpty ? .nan : times[Int(Double(times.count - 1) * 0.99)], try await livez)
    }

    // MARK: One chip

    /// A node's pods: each resource and image layer is a handshake with init data of 62 KB.
    private func oneChip(
        _ server: ServerProcess, _ platform: SimulatedSNPPlatform, _ keys: Crowd.Keys
    ) async throws -> Bool {
        let guest = try Crowd.podGuest(platform, keys.signer, server)
        let start = ContinuousClock.now
        let pause = Duration.seconds(120) / handshakes
        var (done, refused) = (0, 0)
        var reason = ""
        for number in 0..<handshakes {
            do {
                _ = try await guest.attest(try await guest.challenge())
                done += 1
            } catch {
                refused += 1
                reason = "\(error)"
            }
            try await Task.sleep(until: start.advanced(by: pause * number), clock: .continuous)
        }
        report(
            "\none chip, init data of 62 KB: \(done) handshakes in \(Int(Load.seconds(since: start))) s, \(refused) refused"
                + (refused > 0 ? " (\(reason.prefix(200)))" : "") + "; \(server.dataSize / 1_000_000) MB on the disk")
        return refused == 0
    }
}

/// A vendor that answers everything with 404, after half a second.
private struct VendorStandIn: Sendable {
    private let server: HTTP1Server
    let address: String

    init() throws {
        let socket = try ListeningSocket(.tcp(host: "127.0.0.1", port: 0))
        server = HTTP1Server(ServerConfiguration()) { _ in
            try? await Task.sleep(for: .milliseconds(500))
            return OutgoingResponse(status: .notFound)
        }
        address = "http://\(socket.address)"
        try server.start([socket])
    }

    func stop() async { await server.stop(within: .zero) }
}
