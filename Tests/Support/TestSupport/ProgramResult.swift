import Foundation

/// What came of another program, run to its end.
public struct ProgramResult: Hashable, Sendable {
    /// The exit status, or 128 and the signal, as a shell says it.
    public var status: Int32
    public var output, errors: String

    public init(status: Int32 = 0, output: String = "", errors: String = "") {
        (self.status, self.output, self.errors) = (status, output, errors)
    }

    /// Runs a program with nothing to read, unless its arguments say otherwise.
    ///
    /// - Parameters:
    ///   - program: a path, or a name that is looked up as a shell does.
    ///   - environment: beside what is inherited.
    public static func of(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:]
    ) async throws -> ProgramResult {
        let folder = try TemporaryFolder()
        let (out, err) = (folder.file("out"), folder.file("err"))
        for file in [out, err] { try Data().write(to: file) }
        var plan = SpawnedProcess.Plan(URL(filePath: Programs.path(program) ?? program), arguments)
        plan.environment.merge(environment) { $1 }
        plan.output = try FileHandle(forWritingTo: out)
        plan.errors = try FileHandle(forWritingTo: err)
        let status = try await SpawnedProcess.run(plan)
        return ProgramResult(
            status: status, output: String(decoding: try Data(contentsOf: out), as: UTF8.self),
            errors: String(decoding: try Data(contentsOf: err), as: UTF8.self))
    }
}

/// Programs that tests run.
public enum Programs {
    /// Whether a program is installed, for tests that are skipped without it.
    public static func has(_ name: String) -> Bool { path(name) != nil }

    static func path(_ name: String) -> String? {
        if name.contains("/") { return name }
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The path of a program of this package, which is built beside the tests' own binary.
    public static func built(_ name: String) -> String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: name).path(percentEncoded: false)
    }
}
