import Administration
import Arguments
import Broker
import FoundationEssentials

struct ReferenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference", abstract: "Manage the reference values that policies name.",
        discussion: "docs/policies.md says how to write them. \(Target.explanation)",
        subcommands: [
            Set.self, Add.self, Retire.self, Show.self, History.self, List.self, Remove.self,
        ])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a set's reference values, replacing those that it has.",
            discussion: """
                They come from a file, or are computed (--measure snp) and stored with their inputs.
                """)

        @OptionGroup var target: Target
        @Argument(help: "The set's name; policies write it with an @ before it.") var name: String
        @OptionGroup var input: ReferenceInput
        @Option(help: "The origin of the values, for people.") var source: String?
        @Option(
            help: ArgumentHelp(
                "How long the present values stay valid beside the new ones, e.g. 24h.", valueName: "time"))
        var keepPrevious: TimeSpan?
        @OptionGroup var impact: ImpactOptions

        func run() async throws {
            var set = try input.set(try PolicyName(name))
            if let source { set = try set.with(source: source) }
            try await target.open(create: !impact.dryRun) { [set] administrator in
                try await impact.change(
                    "Set the reference values \(name)", through: administrator, readsInput: input.file == "-"
                ) {
                    ImpactRequest(set, keeping: keepPrevious?.seconds, span: $0)
                } _: {
                    let done = try await administrator.setReferenceValues(set, keeping: keepPrevious?.seconds)
                    print(ReferenceText(set: done).summary("Set"))
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a set of reference values with their provenance.")

        @OptionGroup var target: Target
        @Argument(help: "The set's name.") var name: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let set = try await target.open { try await $0.referenceValues(name) }
            if json { return try printJSON(set) }
            printLines(ReferenceText(set: set).lines)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the sets of reference values.")

        @OptionGroup var target: Target
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.referenceValues() }
            try printList(
                all, json: json, orElse: "There are no reference values.",
                ["NAME", "KIND", "VALUES", "EXPIRES", "READ"]
            ) { set in
                let end = set.expires.map { $0 <= Date() ? "expired" : $0.formatted(.iso8601) }
                return [
                    set.name, set.kind.rawValue, "\(set.values.count)", end ?? "never",
                    set.kind.isRead ? "by rules" : "no rule reads it",
                ]
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a set of reference values.", discussion: "A set that a policy names cannot be removed.")

        @OptionGroup var target: Target
        @Argument(help: "The set's name.") var name: String

        func run() async throws {
            try await target.open { try await $0.removeReferenceValues(name) }
            print("Removed the reference values \(name).")
        }
    }
}
