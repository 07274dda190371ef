import Arguments
import Foundation
import SampleCommands
import TestSupport
import Testing

@Suite("Completions, in the shells themselves", .serialized)
struct CompletionTests {
    /// A line that is typed, what is offered then, and what is not.
    struct Example: CustomTestStringConvertible, Sendable {
        let line: String
        let offered: [String]
        var testDescription: String { line }
    }

    static let examples = [
        Example(line: "sample ", offered: ["workload", "sessions", "token", "guest", "verify", "serve", "help"]),
        Example(line: "sample workload ", offered: ["add", "put"]),
        Example(line: "sample help ", offered: ["workload", "sessions", "token", "guest", "verify", "serve"]),
        Example(line: "sample help workload ", offered: ["add", "put"]),
        Example(
            line: "sample workload add --",
            offered: [
                "--url", "--token-file", "--ca", "--insecure-http", "--data", "--config", "--measurement",
                "--tee-config", "--secret-file", "--replace", "--version", "--help",
            ]),
        Example(line: "sample workload add --re", offered: ["--replace"]),
        Example(line: "sample sessions ", offered: ["list", "end"]),
        Example(line: "sample sessions --", offered: ["--limit", "--json", "--url", "--help"]),
        Example(line: "sample token create --role ", offered: ["registrar", "auditor", "admin"]),
        Example(line: "sample token create --json --role a", offered: ["auditor", "admin"]),
        Example(line: "sample token create --role=", offered: ["registrar", "auditor", "admin"]),
        Example(line: "sample workload add x --secret-file ", offered: ["offered.txt"]),
        Example(line: "sample workload put a/b/c ", offered: ["offered.txt"]),
        Example(line: "sample verify sev --chain a --", offered: ["--chain", "--json"]),
    ]

    private static func folder(_ shell: Shell) async throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let script = await Sample.ending(of: ["--generate-completion-script", shell.rawValue]).output
        try Data(script.utf8).write(to: folder.file("script"))
        try Data().write(to: folder.file("offered.txt"))
        return folder
    }

    /// Types the line and two tabs in an interactive shell.
    private func type(_ line: String, _ shell: TerminalProcess, expecting words: [String]) async throws {
        shell.type("\u{15}")
        shell.clear()
        shell.type(line + "\t\t")
        try await shell.wait(for: words)
    }

    @Test("bash", .enabled(if: Programs.has("bash"), "bash is not installed"))
    func bash() async throws {
        let folder = try await Self.folder(.bash)
        let shell = try TerminalProcess(
            "bash", ["--norc", "--noprofile", "-i"], environment: ["TERM": "dumb", "PS1": "> "])
        shell.type(
            "cd \(folder.url.path); bind 'set page-completions off'; bind 'set enable-bracketed-paste off'; . ./script\n"
        )
        shell.type("echo rea''dy\n")
        try await shell.wait(for: "\nready\n")
        for example in Self.examples { try await type(example.line, shell, expecting: example.offered) }
        // A command without places is not offered files, nor an option twice.
        for line in ["sample nosuch ", "sample sessions list --json --j"] {
            shell.type("\u{15}")
            shell.clear()
            shell.type("echo x; \(line)\t\t\u{1B}#echo do''ne\n")
            try await shell.wait(for: "\ndone\n")
            #expect(!shell.screen.contains("offered.txt"))
        }
    }

    @Test("zsh", .enabled(if: Programs.has("zsh"), "zsh is not installed"))
    func zsh() async throws {
        let folder = try await Self.folder(.zsh)
        let shell = try TerminalProcess("zsh", ["-f", "-i"], environment: ["TERM": "dumb", "PS1": "> "])
        shell.type(
            "cd \(folder.url.path); unset zle_bracketed_paste; autoload -U compinit; compinit -u -D; LISTMAX=1000\n")
        shell.type("setopt nobeep noautomenu nolistambiguous; . ./script; echo rea''dy\n")
        try await shell.wait(for: "ready\n")
        for example in Self.examples { try await type(example.line, shell, expecting: example.offered) }
    }

    @Test("fish", .enabled(if: Programs.has("fish"), "fish is not installed"), arguments: examples)
    func fish(_ example: Example) async throws {
        let folder = try await Self.folder(.fish)
        let script = "cd \(folder.url.path); source script; complete -C '\(example.line)'"
        let result = try await ProgramResult.of(
            "fish", ["--no-config", "-c", script], environment: ["HOME": folder.url.path])
        #expect(result.errors.isEmpty)
        let offered = result.output.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
        for word in example.offered {
            #expect(offered.contains(word) || offered.contains { $0.hasSuffix("=\(word)") }, "\(word) of \(offered)")
        }
        if !example.offered.contains("offered.txt") { #expect(!offered.contains("offered.txt")) }
    }

    @Test("A shell that is not known is refused, and the user's own is taken when none is named")
    func shells() async throws {
        let unknown = await Sample.ending(of: ["--generate-completion-script", "csh"])
        #expect(unknown.status == 64)
        #expect(
            unknown.errors.hasPrefix(
                """
                Error: Can't generate completion scripts for 'csh'.
                Please use --generate-completion-script=<shell> with one of:
                    zsh bash fish
                Usage: sample <subcommand>

                """))
        let result = try await ProgramResult.of(
            Programs.built("sample-program"), ["workload", "--generate-completion-script"],
            environment: ["SHELL": "/usr/bin/fish"])
        #expect(result.output == (await Sample.ending(of: ["--generate-completion-script=fish"])).output)
    }

    @Test("The script for bash is one that shellcheck likes", .enabled(if: Programs.has("shellcheck"), "no shellcheck"))
    func shellcheck() async throws {
        let folder = try await Self.folder(.bash)
        let result = try await ProgramResult.of("shellcheck", ["-s", "bash", folder.file("script").path])
        #expect(result == ProgramResult(status: 0, output: "", errors: ""))
    }
}
