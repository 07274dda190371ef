import Foundation
import TestSupport
import Testing

@Suite("A program at a terminal and in a pipe")
struct TerminalTests {
    private let sample = Programs.built("sample-program")

    private func shell(_ script: String) async throws -> ProgramResult {
        try await ProgramResult.of("bash", ["-c", script], environment: ["SAMPLE": sample])
    }

    @Test("Output that has no room is an error, for commands and for help")
    func fullDisk() async throws {
        for line in ["speak lines 3", "workload add x --measurement 00", "--help", "--generate-completion-script fish"]
        {
            let result = try await shell("$SAMPLE \(line) >/dev/full")
            #expect(
                result
                    == ProgramResult(status: 1, output: "", errors: "Error: standard output: No space left on device\n")
            )
        }
    }

    @Test("Output that is closed is an error")
    func closed() async throws {
        for line in ["speak lines 3", "workload add x --measurement 00", "--version"] {
            let result = try await shell("$SAMPLE \(line) >&-")
            #expect(
                result == ProgramResult(status: 1, output: "", errors: "Error: standard output: Bad file descriptor\n"))
        }
    }

    @Test("With every stream closed nothing is written into a file that was opened instead")
    func allClosed() async throws {
        #expect(try await shell("$SAMPLE speak lines 3 <&- >&- 2>&-; echo $?").output == "1\n")
    }

    @Test("A reader that goes away ends the program as it ends others, without a word")
    func brokenPipe() async throws {
        #expect(
            try await shell("$SAMPLE speak lines 100000 | head -1; echo ${PIPESTATUS[0]}")
                == ProgramResult(status: 0, output: "line 0\n141\n", errors: ""))
        for line in ["speak lines 1", "workload add x --measurement 00", "--help"] {
            let result = try await shell("exec 3> >(true); wait $!; $SAMPLE \(line) >&3; echo $?")
            #expect(result == ProgramResult(status: 0, output: "141\n", errors: ""))
        }
    }

    @Test("A command's own status and sentence stay")
    func failing() async throws {
        let result = try await shell("$SAMPLE speak fail")
        #expect(result == ProgramResult(status: 1, output: "", errors: "Error: it is broken\n"))
        #expect(try await shell("$SAMPLE verify sev --chain x").status == 2)
        #expect(try await shell("$SAMPLE nosuch").status == 64)
    }

    @Test("Help is as wide as the terminal, or as COLUMNS says")
    func width() async throws {
        let child = try TerminalProcess(sample, ["serve", "--help"])
        #expect(try await child.ended() == 0)
        #expect(child.screen.contains("A running server, e.g. https://kbs.example.org:8080 (environment: KBS_URL).\n"))
        let narrow = try await ProgramResult.of(sample, ["serve", "--help"], environment: ["COLUMNS": "60"])
        #expect(narrow.output.contains("\n                          https://kbs.example.org:8080\n"))
    }

    @Test("A secret is asked for twice and not shown")
    func secret() async throws {
        let child = try TerminalProcess(sample, ["speak", "ask"])
        try await child.wait(for: "Secret: ")
        #expect(!child.echoes)
        child.type("correct horse\n")
        try await child.wait(for: "Secret, once more: ")
        #expect(!child.echoes)
        child.type("correct horse\n")
        try await child.wait(for: "got 13 bytes")
        #expect(child.echoes)
        #expect(try await child.ended() == 0)
        #expect(!child.screen.contains("horse"))
    }

    @Test("Two that differ are refused")
    func different() async throws {
        let child = try TerminalProcess(sample, ["speak", "ask"])
        try await child.wait(for: "Secret: ")
        child.type("one\n")
        try await child.wait(for: "Secret, once more: ")
        child.type("two\n")
        try await child.wait(for: "Error: the two were not the same: nothing was done")
        #expect(child.echoes)
        #expect(try await child.ended() == 1)
    }

    @Test("Nothing is refused", arguments: ["\n", "\u{04}"])
    func nothing(_ typed: String) async throws {
        let child = try TerminalProcess(sample, ["speak", "ask"])
        try await child.wait(for: "Secret: ")
        child.type(typed)
        try await child.wait(for: "Error: no secret was typed")
        #expect(try await child.ended() == 1)
    }

    @Test("What a terminal cuts is refused, though both times it is cut alike")
    func tooLong() async throws {
        let child = try TerminalProcess(sample, ["speak", "ask"])
        try await child.wait(for: "Secret: ")
        child.type(String(repeating: "x", count: 4_093))
        child.type(String(repeating: "x", count: 1_000) + "\n")
        try await child.wait(for: "Error: a terminal takes lines of up to 4094 bytes")
        #expect(try await child.ended() == 1)
    }

    @Test("An interrupt restores the terminal and ends the program by the signal", arguments: ["\u{03}", "\u{1C}"])
    func interrupted(_ key: String) async throws {
        let child = try TerminalProcess(sample, ["speak", "ask"])
        try await child.wait(for: "Secret: ")
        #expect(!child.echoes)
        child.type(key)
        #expect(try await child.ended() == 128 + (key == "\u{03}" ? SIGINT : SIGQUIT))
        #expect(child.echoes)
    }

    @Test("Without a terminal nobody is asked")
    func noTerminal() async throws {
        #expect(try await shell("echo x | $SAMPLE speak ask").errors.hasPrefix("Error: no terminal\n"))
    }
}
