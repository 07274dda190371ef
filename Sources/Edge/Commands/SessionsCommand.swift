import Bytes
import Administration
import Arguments
import Broker
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
        @Option(help: "Only sessions of this workload.") var workload: String?
        @Option(help: "Only sessions of this chip, in hex.") var chip: String?
        @Option(help: "Only sessions that this other verifier attested.") var issuer: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let selection = try selection(workload, chip, issuer)
            let all = try await target.open { try await $0.sessions(selection) }
            try printList(
                all, json: json, orElse: "There are no sessions.",
                ["ID", "WORKLOAD", "TEE", "CHIP", "OPENED", "EXPIRES", "ISSUER"]
            ) {
                [
                    $0.id, $0.workload ?? "-", $0.tee, $0.chip.isEmpty ? "-" : "\($0.chip.prefix(16))…",
                    $0.opened.formatted(.iso8601), $0.expires.formatted(.iso8601), $0.issuer ?? "-",
                ]
            }
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "End a session, or those of a workload, a chip or another verifier, or all. Their guests must attest again."
        )

        @OptionGroup var target: Target
        @Argument(help: "The session's id.") var id: String?
        @Option(help: "End the sessions of this workload.") var workload: String?
        @Option(help: "End the sessions of this chip, in hex.") var chip: String?
        @Option(help: "End the sessions that this other verifier attested.") var issuer: String?
        @Flag(help: "End all sessions.") var all = false

        func run() async throws {
            var chosen = try selection(workload, chip, issuer)
            if let id {
                guard chosen == .all, let bytes = Hex.decode(id), bytes.count == 16 else {
                    throw ValidationError("give a session's id of 32 hex digits, --workload, --chip or --issuer")
                }
                chosen.id = bytes
            }
            guard (chosen == .all) == all else {
                throw ValidationError("say which: a session's id, --workload, --chip, --issuer, or --all alone")
            }
            let ended = try await target.open { [chosen] in try await $0.endSessions(chosen) }
            print("Ended \(ended) \(ended == 1 ? "session" : "sessions").")
        }
    }
}

private func selection(_ workload: String?, _ chip: String?, _ issuer: String?) throws -> SessionSelection {
    var selection = SessionSelection(workload: try workload.map { try WorkloadID($0) }, issuer: issuer)
    if let chip {
        guard let bytes = Hex.decode(chip), !bytes.isEmpty else { throw ValidationError("--chip is hex digits") }
        selection.chip = Hex.encode(bytes)
    }
    return selection
}
