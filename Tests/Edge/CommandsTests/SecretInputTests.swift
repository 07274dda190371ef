import Glibc
import TestSupport
import Testing

@Suite("Secrets at a terminal")
struct SecretInputTests {
    private let measurement = String(repeating: "ab", count: 48)

    @Test("A workload's secret is asked for twice and not shown, and what was typed is kept")
    func workload() async throws {
        let shell = try Shell()
        let terminal = try shell.terminal("workload", "add", "web", "--measurement", measurement, "--data", shell.data)
        try await terminal.wait(for: "Secret: ")
        #expect(!terminal.echoes)
        terminal.type("correct horse\n")
        try await terminal.wait(for: "Secret, once more: ")
        terminal.type("correct horse\n")
        try await terminal.wait(for: "Registered web with the policy")
        #expect(try await terminal.ended() == 0)
        #expect(!terminal.screen.contains("horse"))
    }

    @Test("A resource's is, too")
    func resource() async throws {
        let shell = try Shell()
        let terminal = try shell.terminal("resource", "put", "a/b/c", "--data", shell.data)
        try await terminal.wait(for: "Secret: ")
        #expect(!terminal.echoes)
        terminal.type("four\n")
        try await terminal.wait(for: "Secret, once more: ")
        terminal.type("four\n")
        try await terminal.wait(for: "Put a/b/c, version 1.")
        #expect(try await terminal.ended() == 0)
        // As many bytes as were typed: the line end is the terminal's.
        let shown = try await shell("$KBS resource show a/b/c --data $D").output.split(separator: "\n")
        #expect(shown.last?.split(separator: " ")[1] == "4")
    }

    @Test("An interrupted question leaves the terminal as it was and registers nothing")
    func interrupted() async throws {
        let shell = try Shell()
        let terminal = try shell.terminal("workload", "add", "web", "--measurement", measurement, "--data", shell.data)
        try await terminal.wait(for: "Secret: ")
        terminal.type("corr\u{03}")
        #expect(try await terminal.ended() == 128 + SIGINT)
        #expect(terminal.echoes)
        #expect(try await shell("ls $D").status != 0)
    }

    @Test("Two that differ register nothing")
    func different() async throws {
        let shell = try Shell()
        let terminal = try shell.terminal("workload", "add", "web", "--measurement", measurement, "--data", shell.data)
        try await terminal.wait(for: "Secret: ")
        terminal.type("one\n")
        try await terminal.wait(for: "Secret, once more: ")
        terminal.type("two\n")
        try await terminal.wait(for: "Error: the two were not the same: nothing was done")
        #expect(try await terminal.ended() == 1)
        #expect(try await shell("ls $D").status != 0)
    }

    @Test("From a pipe or a file nothing is asked, and one line end is dropped")
    func piped() async throws {
        let shell = try Shell()
        let add = "$KBS workload add --measurement \(measurement) --data $D"
        let one = try await shell("printf 'x\\n' | \(add) one --tee-config '{\"flag\":{\"bits\":0}}'")
        // A mistyped configuration states no policy: the one in force is said.
        #expect(one.output.hasPrefix("Registered one with the policy ") && one.errors.isEmpty, "\(one)")
        #expect(try await shell("printf x >f; \(add) two --secret-file f").status == 0)
    }
}
