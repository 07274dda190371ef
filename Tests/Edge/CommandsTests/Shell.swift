import Foundation
import TestSupport

/// A line of a shell in which `$KBS` is the program and `$D` a data folder that goes away.
struct Shell {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    var data: String { folder.file("data").path }

    /// Without settings of the tests' own environment.
    var environment: [String: String] {
        let inherited = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("KBS_") }
        let none = Dictionary(uniqueKeysWithValues: inherited.map { ($0, "") })
        return none.merging(["KBS": Programs.built("kbs"), "D": data]) { $1 }
    }

    func callAsFunction(_ line: String) async throws -> ProgramResult {
        try await ProgramResult.of(
            "bash", ["-c", "for name in ${!KBS_*}; do unset $name; done; cd \(folder.url.path); \(line)"],
            environment: environment)
    }

    /// `kbs` on a terminal of its own.
    func terminal(_ arguments: String...) throws -> TerminalProcess {
        try TerminalProcess(
            "bash", ["-c", "for name in ${!KBS_*}; do unset $name; done; exec \"$KBS\" \"$@\"", "bash"] + arguments,
            environment: environment)
    }
}
