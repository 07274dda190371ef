import Foundation
import TestSupport

/// The program of release 0.2.0, which made the data folders that are out there. It lies beside the project, in
/// `../shared/baseline`.
public enum EarlierRelease {
    private static let archive = Vectors.folder.appending(path: "baseline/kbs-0.2.0.xz").path
    private static let xz = "/usr/bin/xz"

    /// For `.enabled(if:)`: without it a test says that it was skipped.
    public static let isPresent =
        FileManager.default.fileExists(atPath: archive) && FileManager.default.isExecutableFile(atPath: xz)

    private static let unpacked = Task {
        let folder = try TemporaryFolder()
        let program = folder.file("kbs-0.2.0")
        // The shell opens the program's file: were it open for writing here, another test's child could inherit it, and
        // the program could not be started ("Text file busy") until that child has ended.
        let plan = SpawnedProcess.Plan(
            URL(filePath: "/bin/sh"), ["-c", #"exec "$0" -dc "$1" > "$2""#, xz, archive, program.path])
        guard try await SpawnedProcess.run(plan) == 0 else { throw Failed(description: "\(archive) is damaged") }
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
        return (folder: folder, program: program)
    }

    public struct Failed: Error, CustomStringConvertible { public let description: String }

    /// Runs a command.
    ///
    /// - Returns: what it printed to standard output.
    /// - Throws: ``Failed``, with what it printed, when its status is not 0.
    @discardableResult
    public static func run(_ arguments: [String], input: String = "") async throws -> String {
        let folder = try TemporaryFolder()
        for name in ["input", "output", "errors"] {
            try Data((name == "input" ? input : "").utf8).write(to: folder.file(name))
        }
        var plan = SpawnedProcess.Plan(try await unpacked.value.program, arguments)
        plan.environment = environment
        plan.input = try FileHandle(forReadingFrom: folder.file("input"))
        plan.output = try FileHandle(forWritingTo: folder.file("output"))
        plan.errors = try FileHandle(forWritingTo: folder.file("errors"))
        let status = try await SpawnedProcess.run(plan)
        func text(_ name: String) throws -> String { try String(contentsOf: folder.file(name), encoding: .utf8) }
        guard status == 0 else {
            throw Failed(description: "\(arguments) ended with \(status): \(try text("output"))\(try text("errors"))")
        }
        return try text("output")
    }

    /// Nothing of the tests' own settings.
    private static let environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("KBS_") }

    /// A server, on a port that it chose.
    public final class Server: Sendable {
        /// `http://127.0.0.1:PORT`
        public let base: String
        private let process: SpawnedProcess
        private let folder: TemporaryFolder

        public init(_ arguments: [String]) async throws {
            folder = try TemporaryFolder()
            let log = folder.file("log")
            try Data().write(to: log)
            var plan = SpawnedProcess.Plan(
                try await unpacked.value.program, ["serve", "--listen", "127.0.0.1:0"] + arguments)
            plan.environment = environment
            plan.output = try FileHandle(forWritingTo: log)
            plan.errors = plan.output
            process = try SpawnedProcess(plan)
            while true {
                let text = try String(contentsOf: log, encoding: .utf8)
                if let address = text.firstMatch(of: /address=(http:\/\/127\.0\.0\.1:\d+)\/kbs\/v0 .*Listening/) {
                    base = String(address.1)
                    return
                }
                guard process.isRunning else { throw Failed(description: "the server ended: \(text)") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        /// Ends it as a supervisor does.
        public func stop() async throws {
            process.send(SIGTERM)
            let status = await process.ended()
            guard status == 0 else { throw Failed(description: "the server ended with \(status)") }
        }
    }
}
