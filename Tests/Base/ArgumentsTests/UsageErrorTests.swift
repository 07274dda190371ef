import Arguments
import SampleCommands
import Testing

@Suite("What no command takes")
struct UsageErrorTests {
    private func ending(_ line: String) async -> Ending {
        await Sample.ending(of: line.split(separator: " ").map { String($0) })
    }

    /// The first line of what is said.
    private func sentence(_ line: String) async -> String {
        let ending = await ending(line)
        #expect(ending.status == 64)
        #expect(ending.output.isEmpty)
        return String(ending.errors.split(separator: "\n").first ?? "")
    }

    @Test("A missing argument is named, with its help and the command's usage")
    func missing() async {
        let place = "[--url <url>] [--token-file <token-file>] [--ca <ca>] [--insecure-http] [--data <folder>]"
        #expect(
            await ending("workload add x").errors == """
                Error: Missing expected argument '--measurement <measurement>'
                Help:  --measurement <measurement>  The launch measurement: 96 hex digits for SNP, 64 for SEV and SEV-ES.
                Usage: sample workload add \(place) [--config <config>] <id> --measurement <measurement> \
                [--tee-config <tee-config>] [--secret-file <secret-file>] [--replace]
                  See 'sample workload add --help' for more information.

                """)
        #expect(await sentence("workload add") == "Error: Missing expected argument '<id>'")
        #expect(await sentence("verify sev") == "Error: Missing expected argument '--chain <chain> ...'")
    }

    @Test(
        "An option without its value is named",
        arguments: [
            "sessions list --limit", "sessions list --limit --json", "sessions list --limit=", "sessions --limit -5",
        ])
    func missingValue(_ line: String) async {
        #expect(await sentence(line) == "Error: Missing value for '--limit <limit>'")
    }

    @Test("A value that cannot be read is shown, and what may be")
    func invalid() async {
        #expect(await sentence("sessions --limit x") == "Error: The value 'x' is invalid for '--limit <limit>'")
        #expect(
            await sentence("token create --role king")
                == "Error: The value 'king' is invalid for '--role <role>'. "
                + "Please provide one of 'registrar', 'auditor' or 'admin'.")
        #expect(
            await sentence("workload put a")
                == "Error: The value 'a' is invalid for '<path>': "
                + "invalid_field: A resource's path has three segments: repository/type/tag.")
        #expect(await sentence("serve --set x") == "Error: The value 'x' is invalid for '--set <set>'")
    }

    @Test("A value for a flag is refused")
    func flagWithValue() async {
        #expect(
            await sentence("sessions list --json=true")
                == "Error: The option '--json' does not take any value, but 'true' was specified.")
    }

    @Test("What is too much is listed")
    func surplus() async {
        #expect(await sentence("sessions end x y") == "Error: Unexpected argument 'y'")
        #expect(await sentence("sessions end x y z") == "Error: 2 unexpected arguments: 'y', 'z'")
        #expect(await sentence("nosuch") == "Error: Unexpected argument 'nosuch'")
        #expect(await sentence("sessions --json list") == "Error: Unexpected argument 'list'")
    }

    @Test("An unknown option is named as it was typed")
    func unknown() async {
        #expect(await sentence("sessions list --no-such=value") == "Error: Unknown option '--no-such'")
        #expect(await sentence("sessions list -x") == "Error: Unknown option '-x'")
        #expect(await sentence("workload --json") == "Error: Unknown option '--json'")
        #expect(await sentence("workload ---") == "Error: Invalid option: ---")
    }

    @Test(
        "A mistyped name is recognised",
        arguments: [
            ("sessions list --jso", "Unknown option '--jso'. Did you mean '--json'?"),
            ("sessions list -json", "Unknown option '-json'. Did you mean '--json'?"),
            ("sessions list --hlep", "Unknown option '--hlep'. Did you mean '--help'?"),
            ("serve --tls-ky x", "Unknown option '--tls-ky'. Did you mean '--tls-key'?"),
            ("workload add x --mesurement 00", "Unknown option '--mesurement'. Did you mean '--measurement'?"),
            ("wrkload list", "Unexpected argument 'wrkload'. Did you mean 'workload'?"),
            ("sessoins", "Unexpected argument 'sessoins'. Did you mean 'sessions'?"),
            ("--versoin", "Unknown option '--versoin'. Did you mean '--version'?"),
        ])
    func mistyped(_ line: String, _ expected: String) async { #expect(await sentence(line) == "Error: \(expected)") }

    @Test("Another word is not taken for a mistyped one", arguments: ["--wrong", "--xyz", "--no-such-option", "-v"])
    func otherWord(_ word: String) async {
        #expect(await sentence("sessions list \(word)") == "Error: Unknown option '\(word)'")
    }

    @Test("Usage is that of the command that was meant, down to the default one")
    func usage() async {
        #expect(await ending("workload nosuch").errors.contains("\nUsage: sample workload <subcommand>\n"))
        #expect(await ending("sessions nosuch").errors.contains("\nUsage: sample sessions list "))
        #expect(await ending("serve nosuch").errors.contains("\nUsage: sample serve <options>\n"))
    }

    @Test("What a command finds wrong itself is said with that command's usage")
    func validation() async {
        #expect(
            await ending("sessions end").errors == """
                Error: say which: a session's id, or --all alone
                Usage: sample sessions end [<id>] [--all]
                  See 'sample sessions end --help' for more information.

                """)
        #expect(await sentence("sessions --url x --data y") == "Error: give --url or --data, not both")
    }

    @Test("A failure is a sentence and a status of 1; a status alone says nothing")
    func failures() async {
        #expect(await ending("speak fail") == Ending(status: 1, errors: "Error: it is broken\n"))
        #expect(await ending("verify sev --chain x") == Ending(status: 2))
    }
}
