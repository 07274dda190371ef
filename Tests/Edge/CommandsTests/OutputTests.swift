import TestSupport
import Testing

@Suite("Output that nobody gets")
struct OutputTests {
    private static let full = "Error: standard output: No space left on device\n"

    @Test("A token that could not be shown is revoked again", arguments: ["", " --json"])
    func token(_ form: String) async throws {
        let shell = try Shell()
        for (target, reason) in [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")] {
            let result = try await shell("$KBS token create --role admin --data $D\(form) \(target)")
            #expect(result.status == 1)
            #expect(result.errors.contains("could not be shown, and is revoked again.\n"))
            #expect(result.errors.hasSuffix("Error: standard output: \(reason)\n"))
            #expect(!result.errors.contains("kbs_"))
        }
        let broken = try await shell("exec 3> >(true); wait $!; $KBS token create --role admin --data $D >&3")
        #expect(broken.status == 141)
        let tokens = try await shell("$KBS token list --data $D").output.split(separator: "\n").dropFirst()
        #expect(tokens.count == 3)
        #expect(tokens.allSatisfy { $0.contains("revoked") })
    }

    @Test("Success is not said when the output has no room")
    func fullDisk() async throws {
        let shell = try Shell()
        #expect(try await shell("echo x | $KBS workload add web --measurement \(measurement) --data $D").status == 0)
        for command in [
            "workload list", "workload show web", "workload list --json", "audit export", "audit checkpoint",
            "token list", "attempts", "keys status", "settings", "settings --reference", "doctor",
        ] {
            let result = try await shell("$KBS \(command) --data $D >/dev/full")
            #expect(result.status == 1, "\(command)")
            #expect(result.errors == Self.full, "\(command)")
        }
    }

    @Test("A reader that has gone ends each command alike, and quietly")
    func brokenPipe() async throws {
        let shell = try Shell()
        #expect(try await shell("echo x | $KBS workload add web --measurement \(measurement) --data $D").status == 0)
        for command in ["workload list", "audit export", "workload show web --json", "settings", "--help"] {
            let data = command == "--help" ? "" : " --data $D"
            let result = try await shell("exec 3> >(true); wait $!; $KBS \(command)\(data) >&3; echo $?")
            #expect(result == ProgramResult(output: "141\n"), "\(command)")
        }
    }

    private let measurement = String(repeating: "ab", count: 48)
}
