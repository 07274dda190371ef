import Arguments
import Evidence
import Files
import FoundationEssentials
import HTTP
import SimulatedHardware
import TestSupport

/// One server with the database in its folder, and beside it another binary for comparison: docs/performance.md.
struct SingleServerBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "single",
        abstract: "Measure calls, handshakes, memory and the start of a fresh server, and of another binary beside it.")

    @Option(help: "The kbs binary.") var server: String
    @Option(help: "Another kbs binary, measured by turns with the first.") var against: String?
    @Option(help: "How many simulated guests run at a time, one number for each run.") var guests = "1,8,64"
    @Option(help: "How long each load runs, in seconds.") var seconds = 5
    @Option(help: "How many idle connections are held; 0 for none.") var idle = 10_000
    @Flag(help: "Make a token, so that registering needs one.") var roles = false
    @Flag(help: "Measure plain HTTP only.") var plain = false

    private var crowds: [Int] { guests.split(separator: ",").compactMap { Int($0) }.filter { $0 > 0 } }
    private var binaries: [String] { [against, server].compactMap { $0 } }

    func validate() throws {
        guard !crowds.isEmpty else { throw ValidationError("--guests is a list of numbers: 1,8,64") }
        guard seconds > 0 else { throw ValidationError("--seconds is more than 0") }
    }

    func run() async throws {
        try await BareVerification.reportBoth()
        let platform = try SimulatedSNPPlatform(product: .milan)
        let keys = try Crowd.Keys(crowds.max() ?? 1, on: platform)
        report("| | \(binaries.joined(separator: " | ")) |")
        report("| --- |\(binaries.map { _ in " --- |" }.joined())")
        try await row("kbs, stripped, MB") { try await strippedSize(of: binaries[$0]) }
        try await row("kbs-guest, stripped, MB") { index in
            let guest = "\(Folder.parent(of: binaries[index]) ?? ".")/kbs-guest"
            return File.exists(guest) ? try await strippedSize(of: guest) : "-"
        }
        for tls in plain ? [false] : [false, true] { try await measure(tls, platform, keys) }
    }

    private func measure(_ tls: Bool, _ platform: SimulatedSNPPlatform, _ keys: Crowd.Keys) async throws {
        let folder = try BenchFolder()
        defer { folder.remove() }
        var servers: [ServerProcess] = []
        for binary in binaries {
            var plan = ServerProcess.Plan(binary: binary, roots: platform.roots)
            (plan.tls, plan.roles) = (tls, roles)
            plan.preparations = try Crowd.preparations(in: folder)
            plan.arguments = [
                "--set", "limits.connections=\(idle + 1_000)", "--set",
                "limits.connections_per_address=\(idle + 1_000)",
            ]
            servers.append(try await ServerProcess.start(plan))
        }
        try await measure(&servers, tls ? ", TLS" : "", platform, keys)
        for server in servers { await server.stop() }
    }

    private func measure(
        _ servers: inout [ServerProcess], _ suffix: String, _ platform: SimulatedSNPPlatform, _ keys: Crowd.Keys
    ) async throws {
        for call in Call.all {
            try await row("\(call.name)\(suffix)") { index in
                try await call.measure(servers[index], seconds: seconds)
            }
        }
        let most = crowds.max() ?? 1
        var guests: [Crowd] = []
        for server in servers { guests.append(try await Crowd(most, keys, on: platform, server)) }
        for dialect in Crowd.Dialect.allCases {
            for count in crowds {
                try await row("\(dialect.rawValue) handshake\(suffix), \(count) guests") { index in
                    let before = servers[index].statistics.cpuTime
                    let load = try await Load.run(workers: count, seconds: seconds) { [guests] worker in
                        try await guests[index].boot(worker, dialect)
                    }
                    let cpu = (servers[index].statistics.cpuTime - before) / Double(max(load.requests, 1))
                    return "\(micro(cpu)); \(Int(load.rate.rounded()))/s, p99 \(milli(load.percentile(0.99)))"
                }
            }
        }
        for dialect in Crowd.Dialect.allCases {
            let names = dialect == .virtee ? "auth, attest, key" : "auth, attest, resource"
            try await row("\(dialect.rawValue): \(names)\(suffix), 8 at a time") { index in
                try await guests[index].callTimes(dialect, servers[index], seconds: seconds)
            }
        }
        if servers.allSatisfy({ $0.certificate == nil }) {
            try await row("coco with 62 KB of init data: auth, attest, resource") { index in
                let pod = try Crowd.podGuest(platform, keys.signer, servers[index])
                return try await guests[index].callTimes(of: [pod], servers[index], seconds: seconds)
            }
        }
        try row("peak memory\(suffix), MB") { index in
            let statistics = servers[index].statistics
            return "\(megabytes(statistics.peakMemory)) (\(megabytes(statistics.ownMemory)) its own now)"
        }
        try await row("start on a used database, to the first answer\(suffix)") { index in
            var times: [Double] = []
            for _ in 0..<5 {
                await servers[index].end()
                let start = ContinuousClock.now
                servers[index] = try await servers[index].startedAgain()
                try KeptConnection(.init(servers[index])).exchange(.get, Call.livez.request)
                times.append(Load.seconds(since: start))
            }
            return milli(times.sorted()[2])
        }
        if idle > 0 {
            try await row("memory with \(idle) idle connections\(suffix), MB") { index in
                try await IdleConnections.memory(of: servers[index], count: idle)
            }
        }
    }

    private func strippedSize(of binary: String) async throws -> String {
        let copy = temporaryPath()
        defer { _ = try? File.remove(copy) }
        let result = try await ProgramResult.of("strip", ["-o", copy, binary])
        guard result.status == 0, let size = FileStatus.of(copy)?.size else {
            throw ServerProcess.Failure(description: "\(binary) cannot be stripped: \(result.errors)")
        }
        return decimal(Double(size) / 1e6, 1)
    }

    private func row(_ name: String, _ cell: (Int) throws -> String) throws {
        report("| \(name) | \(try binaries.indices.map(cell).joined(separator: " | ")) |")
    }

    private func row(_ name: String, _ cell: (Int) async throws -> String) async throws {
        var cells: [String] = []
        for index in binaries.indices { cells.append(try await cell(index)) }
        report("| \(name) | \(cells.joined(separator: " | ")) |")
    }
}
