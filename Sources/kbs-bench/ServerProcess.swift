import Evidence
import Foundation

/// A server with an empty data folder, and what Linux says about it.
struct ServerProcess {
    let base: String
    /// A registrar's, when roles are on.
    let token: String?
    /// The server's own certificate, PEM, with TLS.
    let certificate: String?
    private let process: Process
    private let folder: URL

    var pid: Int32 { process.processIdentifier }

    /// - Parameters:
    ///   - tls: whether it serves over TLS, with a certificate of its own.
    ///   - roles: whether a token is made, so that registering needs one.
    static func start(
        binary: String, roots: SimulatedRoots, tls: Bool, roles: Bool
    ) async throws -> ServerProcess {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kbs-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let rootsFile = folder.appending(path: "roots.json")
        try JSONEncoder().encode(roots).write(to: rootsFile)
        let logFile = folder.appending(path: "log")
        try Data().write(to: logFile)
        let data = folder.appending(path: "data").path
        let token =
            roles
            ? try run(binary, "token", "create", "--role", "registrar", "--data", data)
                .trimmingCharacters(in: .whitespacesAndNewlines) : nil
        if tls { _ = try run(binary, "tls", "self-signed", "--name", "127.0.0.1", "--out", folder.path) }
        let files = (folder.appending(path: "tls.crt"), folder.appending(path: "tls.key"))
        let process = Process()
        process.executableURL = URL(filePath: binary)
        process.arguments =
            [
                "serve", "--data", data, "--listen", "127.0.0.1:0",
                "--trust-simulated-root", rootsFile.path, "--endorsements-kds", "",
                // All its load comes from one address.
                "--set", "limits.requests_per_second=0",
            ] + (tls ? ["--tls-certificate", files.0.path, "--tls-key", files.1.path] : [])
        process.standardError = try FileHandle(forWritingTo: logFile)
        try process.run()
        for _ in 0..<100 {
            try await Task.sleep(for: .milliseconds(50))
            let log = try String(contentsOf: logFile, encoding: .utf8)
            if let address = log.firstMatch(of: /address=(https?:\/\/[0-9.:]+)/) {
                return ServerProcess(
                    base: String(address.output.1), token: token,
                    certificate: tls ? try String(contentsOf: files.0, encoding: .utf8) : nil, process: process,
                    folder: folder)
            }
        }
        process.terminate()
        throw CocoaError(.featureUnsupported, userInfo: [NSLocalizedDescriptionKey: "the server did not start"])
    }

    /// - Returns: what a command of the same binary printed.
    private static func run(_ binary: String, _ arguments: String...) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(filePath: binary)
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.featureUnsupported) }
        return String(decoding: bytes, as: UTF8.self)
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    /// Time in the program and in the kernel, in seconds; ticks of 10 ms.
    var cpuTime: (user: Double, system: Double) {
        // The fields after the name, which is in parentheses: utime is the 12th, stime the 13th.
        guard let fields = read("stat").split(separator: ")").last?.split(separator: " "), fields.count > 13,
            let user = Double(fields[11]), let system = Double(fields[12])
        else { return (.nan, .nan) }
        let tick = 1 / Double(sysconf(Int32(_SC_CLK_TCK)))
        return (user * tick, system * tick)
    }

    /// Resident now, in KiB.
    var memory: Int { number("VmRSS:", in: "status") }
    /// The most that was resident, in KiB.
    var peakMemory: Int { number("VmHWM:", in: "status") }
    /// To files, sent to the disk or about to be.
    var bytesWritten: Int { number("write_bytes:", in: "io") }

    private func number(_ name: String, in file: String) -> Int {
        let line = read(file).split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { Int($0.dropFirst(name.count).filter(\.isNumber)) } ?? -1
    }

    private func read(_ file: String) -> String {
        (try? String(contentsOf: URL(filePath: "/proc/\(pid)/\(file)"), encoding: .utf8)) ?? ""
    }
}
