import Administration
import Arguments
import Broker
import Bytes
import Evidence
import FoundationEssentials

struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List and end the sessions of attested guests, with a workload or without one.",
        discussion: Target.explanation, subcommands: [List.self, End.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the sessions.")

        @OptionGroup var target: Target
        @OptionGroup var chosen: Chosen
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let selection = try chosen.selection()
            let all = try await target.open { try await $0.sessions(selection) }
            try printList(
                all, json: json, orElse: "There are no sessions.",
                ["ID", "WORKLOAD", "TEE", "OPENED", "EXPIRES", "ISSUER", "CHIP"]
            ) {
                [
                    $0.id, $0.workload ?? "-", $0.tee, $0.opened.formatted(.iso8601), $0.expires.formatted(.iso8601),
                    $0.issuer ?? "-", $0.chip.isEmpty ? "-" : $0.chip,
                ]
            }
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "End a session, or those of a workload, a chip or another verifier, or all. Guests must attest again."
        )

        @OptionGroup var target: Target
        @Argument(help: "The session's id.") var id: String?
        @OptionGroup var chosen: Chosen
        @Flag(help: "End all sessions.") var all = false

        func run() async throws {
            var selection = try chosen.selection()
            if let id {
                guard selection == .all, let bytes = Hex.decode(id), bytes.count == 16 else {
                    throw ValidationError("give a session's id of 32 hex digits, --workload, --chip or --issuer")
                }
                selection.id = bytes
            }
            guard (selection == .all) == all else {
                throw ValidationError("say which: a session's id, --workload, --chip, --issuer, or --all alone")
            }
            let ended = try await target.open { [selection] in try await $0.endSessions(selection) }
            print("Ended \(ended) \(ended == 1 ? "session" : "sessions").")
        }
    }

    /// Options that select sessions.
    struct Chosen: ParsableArguments {
        @Option(help: "Sessions of this workload.") var workload: String?
        @Option(help: "Sessions of this chip: its whole id, in hex.") var chip: String?
        @Option(help: "Sessions that this other verifier attested.") var issuer: String?

        func selection() throws -> SessionSelection {
            var selection = SessionSelection(workload: try workload.map { try WorkloadID($0) }, issuer: issuer)
            if let chip {
                guard let bytes = Hex.decode(chip), !bytes.isEmpty else {
                    throw ValidationError("--chip is hex digits")
                }
                selection.chip = Hex.encode(bytes)
            }
            return selection
        }
    }
}
