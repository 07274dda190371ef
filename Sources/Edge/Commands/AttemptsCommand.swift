import Administration
import Arguments
import Broker
import Evidence
import FoundationEssentials
import Installation

struct AttemptsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attempts",
        abstract: "Why was my guest refused? The last attempts to attest and to get resources.",
        discussion: Target.explanation, subcommands: [List.self, Show.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the last attempts, latest first.")

        @OptionGroup var target: Target
        @Option(help: "Only attempts for this workload, or for the resource with this path.") var workload: String?
        @Flag(help: "Only refused attempts.") var refused = false
        @Option(help: "The number of attempts, 1 to 1000.") var limit = 20
        @Option(help: "Only attempts before this one.") var before: Int64?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            guard (1...1_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 1000") }
            let selection = AttemptSelection(workload: workload, accepted: refused ? false : nil)
            let page = try await target.open { try await $0.attempts(selection, before: before, limit: limit) }
            if json { return try printJSON(page) }
            guard !page.elements.isEmpty else { return print("There are no attempts.") }
            printTable(
                [["ID", "TIME", "ACTION", "WORKLOAD", "TEE", "FROM", "OUTCOME", "WHY"]]
                    + page.elements.map { attempt in
                        [
                            "\(attempt.id)", attempt.time.formatted(.iso8601), attempt.action,
                            attempt.workload.isEmpty ? "-" : attempt.workload, attempt.tee.isEmpty ? "-" : attempt.tee,
                            attempt.address ?? "-",
                            attempt.count > 1 ? "\(attempt.outcome) \(attempt.count)×" : attempt.outcome,
                            attempt.failed.isEmpty ? attempt.code ?? "" : attempt.failed.joined(separator: ", "),
                        ]
                    })
            if let next = page.next { print("More: --before \(next)") }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show an attempt with every check: the expected value, the found value, and the remedy.")

        @OptionGroup var target: Target
        @Argument(help: "The attempt's number, from `kbs attempts`.") var id: Int64
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let detail = try await target.open { try await $0.attempt(id) }
            if json { return try printJSON(detail) }
            let attempt = detail.attempt
            print(
                """
                attempt   \(attempt.id), \(attempt.time.formatted(.iso8601))
                action    \(attempt.action)
                workload  \(attempt.workload.isEmpty ? "none" : attempt.workload)\(attempt.tee.isEmpty ? "" : " (\(attempt.tee))")
                session   \(attempt.session.isEmpty ? "none" : attempt.session)
                chip      \(attempt.chip.isEmpty ? "not known" : attempt.chip)
                from      \(attempt.address ?? "not known")\(attempt.version.map { ", protocol \($0)" } ?? "")
                request   \(attempt.request ?? "not known")
                outcome   \(attempt.outcome)\(attempt.code.map { ": \($0)" } ?? "")
                """)
            if let measurement = detail.claims?["measurement"] { print("measured  \(measurement)") }
            if attempt.count > 1 {
                print("times     \(attempt.count)\(attempt.last.map { ", last at \($0.formatted(.iso8601))" } ?? "")")
            }
            if let sentence = attempt.sentence { print("told      \(sentence)") }
            print()
            if let verdict = detail.verdict {
                print(VerdictTable(verdict, title: "Checks").text)
            } else {
                print("It did not come to a verdict.")
            }
        }
    }
}
