import Evidence
import Files
import FoundationEssentials
import Glibc
import TestSupport

/// A server with a data folder of its own.
struct ServerProcess: Sendable {
    struct Plan: Sendable {
        /// The kbs binary.
        let binary: String
        /// What is taken for AMD's keys.
        let roots: SimulatedRoots
        /// Whether it serves over TLS, with a certificate of its own.
        var tls = false
        /// Whether a token is made, so that registering needs one.
        var roles = false
        /// What is done with the data folder before it starts: arguments of the same binary, behind which the folder's
        /// name is put.
        var preparations: [[String]] = []
        /// Whether an address may make as many requests as by default, and no more.
        var isLimited = false
        /// Who is asked for certificates; nobody when it is empty.
        var vendor = ""
        /// More arguments for `kbs serve`.
        var arguments: [String] = []

        init(binary: String, roots: SimulatedRoots) { (self.binary, self.roots) = (binary, roots) }
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    let base: String
    /// A registrar's, when roles are on.
    let token: String?
    /// The server's own certificate, PEM, with TLS.
    let certificate: [UInt8]?
    private let process: SpawnedProcess
    private let folder: BenchFolder
    private let plan: Plan

    var pid: pid_t { process.identifier }
    var statistics: ProcessStatistics { ProcessStatistics(pid: pid) }
    /// In bytes.
    var logSize: Int { FileStatus.of(folder.file("log"))?.size ?? 0 }
    /// Of its database, with what was not yet moved into it.
    var dataSize: Int {
        let names = (try? Folder.names(in: folder.file("data"))) ?? []
        return names.reduce(0) { $0 + (FileStatus.of(folder.file("data/\($1)"))?.size ?? 0) }
    }
    var port: Int { Int(base.split(separator: ":").last ?? "") ?? 0 }

    static func start(_ plan: Plan) async throws -> ServerProcess {
        let folder = try BenchFolder()
        try JSONEncoder().encode(plan.roots).write(to: URL(filePath: folder.file("roots.json")))
        let data = folder.file("data")
        for preparation in plan.preparations { _ = try await run(plan.binary, preparation + ["--data", data]) }
        let token =
            plan.roles
            ? try await run(plan.binary, ["token", "create", "--role", "registrar", "--data", data])
                .split(separator: "\n").first.map(String.init) : nil
        if plan.tls {
            _ = try await run(
                plan.binary, ["tls", "self-signed", "--name", "127.0.0.1", "--out", folder.path])
        }
        let (process, base) = try await launch(plan, folder)
        return ServerProcess(
            base: base, token: token,
            certificate: plan.tls ? try File.read(folder.file("tls.crt"), atMost: 1 << 20) : nil,
            process: process, folder: folder, plan: plan)
    }

    /// The same server, once it has ended, again on what it has left behind.
    func startedAgain() async throws -> ServerProcess {
        let (process, base) = try await Self.launch(plan, folder)
        return ServerProcess(
            base: base, token: token, certificate: certificate, process: process, folder: folder, plan: plan)
    }

    private static func launch(_ plan: Plan, _ folder: BenchFolder) async throws -> (SpawnedProcess, String) {
        var arguments = [
            "serve", "--data", folder.file("data"), "--listen", "127.0.0.1:0", "--trust-simulated-root",
            folder.file("roots.json"),
            "--endorsements-kds", plan.vendor,
        ]
        // All its load comes from one address.
        if !plan.isLimited { arguments += ["--set", "limits.requests_per_second=0"] }
        if plan.tls {
            arguments += ["--tls-certificate", folder.file("tls.crt"), "--tls-key", folder.file("tls.key")]
        }
        let log = folder.file("log")
        var spawn = SpawnedProcess.Plan(URL(filePath: plan.binary), arguments + plan.arguments)
        try spawn.write(errorsTo: log)
        let process = try SpawnedProcess(spawn)
        for _ in 0..<30_000 where process.isRunning {
            // Its start is measured too.
            try await Task.sleep(for: .milliseconds(1))
            let lines = try File.readText(log, atMost: 1 << 24)
            if let address = lines.firstMatch(of: /address=(https?:\/\/[0-9.:]+)/) {
                return (process, String(address.output.1))
            }
        }
        throw Failure(description: "The server did not start: \(try File.readText(log, atMost: 1 << 24))")
    }

    /// - Parameter environment: beside this process's own.
    /// - Returns: what a command of the same binary printed.
    static func run(
        _ binary: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        let result = try await ProgramResult.of(binary, arguments, environment: environment)
        guard result.status == 0 else {
            throw Failure(
                description:
                    "kbs \(arguments.prefix(2).joined(separator: " ")) ended with \(result.status): \(result.errors)")
        }
        return result.output
    }

    func stop() async {
        await end()
        folder.remove()
    }

    func end() async {
        process.send(SIGTERM)
        _ = await process.ended()
    }
}

/// Where nothing is yet.
func temporaryPath() -> String {
    FileManager.default.temporaryDirectory.appending(path: "kbs-bench-\(UUID().uuidString)").path(percentEncoded: false)
}

/// A folder that a measurement leaves nothing in.
struct BenchFolder: Sendable {
    let path: String

    init() throws {
        path = temporaryPath()
        try Folder.make(path)
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
