import Evidence
import Foundation
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
        /// More arguments for `kbs serve`.
        var arguments: [String] = []

        init(binary: String, roots: SimulatedRoots) { (self.binary, self.roots) = (binary, roots) }
    }

    struct Failure: Error, CustomStringConvertible { let description: String }

    let base: String
    /// A registrar's, when roles are on.
    let token: String?
    /// The server's own certificate, PEM, with TLS.
    let certificate: String?
    private let process: SpawnedProcess
    let folder: URL

    var pid: pid_t { process.identifier }
    var statistics: ProcessStatistics { ProcessStatistics(pid: pid) }

    static func start(_ plan: Plan) async throws -> ServerProcess {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kbs-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let rootsFile = folder.appending(path: "roots.json")
        try JSONEncoder().encode(plan.roots).write(to: rootsFile)
        let data = folder.appending(path: "data").path
        let token =
            plan.roles
            ? try await run(plan.binary, "token", "create", "--role", "registrar", "--data", data)
                .trimmingCharacters(in: .whitespacesAndNewlines) : nil
        let files = (folder.appending(path: "tls.crt"), folder.appending(path: "tls.key"))
        var arguments = [
            "serve", "--data", data, "--listen", "127.0.0.1:0", "--trust-simulated-root", rootsFile.path,
            // All its load comes from one address.
            "--endorsements-kds", "", "--set", "limits.requests_per_second=0",
        ]
        if plan.tls {
            _ = try await run(plan.binary, "tls", "self-signed", "--name", "127.0.0.1", "--out", folder.path)
            arguments += ["--tls-certificate", files.0.path, "--tls-key", files.1.path]
        }
        let logFile = folder.appending(path: "log")
        try Data().write(to: logFile)
        var spawn = SpawnedProcess.Plan(URL(filePath: plan.binary), arguments + plan.arguments)
        spawn.errors = try FileHandle(forWritingTo: logFile)
        let process = try SpawnedProcess(spawn)
        for _ in 0..<600 where process.isRunning {
            try await Task.sleep(for: .milliseconds(50))
            let log = try String(contentsOf: logFile, encoding: .utf8)
            if let address = log.firstMatch(of: /address=(https?:\/\/[0-9.:]+)/) {
                return ServerProcess(
                    base: String(address.output.1), token: token,
                    certificate: plan.tls ? try String(contentsOf: files.0, encoding: .utf8) : nil, process: process,
                    folder: folder)
            }
        }
        throw Failure(description: "The server did not start: \(try String(contentsOf: logFile, encoding: .utf8))")
    }

    /// - Returns: what a command of the same binary printed.
    ///
    /// - Parameter environment: beside this process's own.
    static func run(
        _ binary: String, _ arguments: String..., environment: [String: String] = [:]
    ) async throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(path: "kbs-bench-\(UUID().uuidString)")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        var plan = SpawnedProcess.Plan(URL(filePath: binary), arguments)
        plan.output = try FileHandle(forWritingTo: file)
        plan.errors = .standardError
        plan.environment.merge(environment) { $1 }
        let status = try await SpawnedProcess.run(plan)
        guard status == 0 else { throw Failure(description: "kbs \(arguments[0]) ended with \(status)") }
        return try String(contentsOf: file, encoding: .utf8)
    }

    func stop() async {
        process.send(SIGTERM)
        _ = await process.ended()
        try? FileManager.default.removeItem(at: folder)
    }
}
