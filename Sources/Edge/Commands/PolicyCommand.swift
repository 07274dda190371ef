import Administration
import Arguments
import Broker
import Evidence
import FoundationEssentials
import Installation

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Manage the policies that decide which guests get resources.",
        discussion: "docs/policies.md says how to write a policy. \(Target.explanation)",
        subcommands: [Set.self, Show.self, List.self, Remove.self, Explain.self, Test.self, Impact.self])

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Set a new policy, or replace one.")

        @OptionGroup var target: Target
        @Argument(help: "The policy's name.") var name: String
        @Argument(help: "A TOML file; - is standard input.") var file: String
        @OptionGroup var impact: ImpactOptions

        func run() async throws {
            let document = try InputFile.text(file)
            try await target.open(create: !impact.dryRun) { administrator in
                try await impact.change("Set the policy \(name)", through: administrator, readsInput: file == "-") {
                    ImpactRequest(policyDocument: document, replacing: name, span: $0)
                } _: {
                    let policy = try await administrator.setPolicy(name, document: document)
                    print("Set the policy \(policy.name), version \(policy.version).\n\n\(policy.explanation)")
                }
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a policy as it was written.")

        @OptionGroup var target: Target
        @Argument(help: "The policy's name.") var name: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let policy = try await target.open { try await $0.policy(name) }
            if json { return try printJSON(policy) }
            print(policy.document, terminator: policy.document.hasSuffix("\n") ? "" : "\n")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the policies.")

        @OptionGroup var target: Target
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.policies() }
            try printList(all, json: json, orElse: "There are no policies.", ["NAME", "CHANGED", "FOR"]) {
                [$0.name, $0.changed.formatted(.iso8601), $0.description]
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a policy.", discussion: "A policy that a resource or a workload has cannot be removed.")

        @OptionGroup var target: Target
        @Argument(help: "The policy's name.") var name: String

        func run() async throws {
            try await target.open { try await $0.removePolicy(name) }
            print("Removed the policy \(name).")
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Explain in words which guests a policy accepts.",
            discussion: "A file is read locally, without the reference values that it names.")

        @OptionGroup var target: Target
        @Argument(help: "The policy's name, or a TOML file.") var policy: String

        func run() async throws {
            if let document = try PolicyFile(policy)?.document {
                let policy = try Policy(toml: document, name: try PolicyName("draft"))
                return print(policy.explanation(references: nil, at: Date()))
            }
            print(try await target.open { try await $0.policy(policy) }.explanation)
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluate a policy with recorded evidence. Nothing is released.",
            discussion: """
                The evidence is a report (1,184 bytes or hex), the body of a guest's POST /attest in either protocol, or \
                the evidence of a guest component in JSON. Its freshness is not checked, and no Open Policy Agent is \
                asked. Exits with 0 if it is accepted, 1 if it is refused.
                """)

        @OptionGroup var target: Target
        @Argument(help: "The policy's name, or a TOML file.") var policy: String
        @Option(help: "The file with the evidence.") var report: String
        @Option(help: "A file with certificates for it, PEM or DER. May be repeated.")
        var certificates: [String] = []
        @Option(help: "The TOML file with the guest's init data, if the evidence has none.") var initData: String?
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let more = try certificates.flatMap(InputFile.certificates)
            let recorded = try RecordedEvidence(
                try InputFile.evidence(report), certificates: more,
                initData: try initData.map { try InputFile.text($0) })
            let tested = try PolicyFile(policy).map { AppraisalSubject.policyDocument($0.document) } ?? .policy(policy)
            let verdict = try await target.open { try await $0.appraise(recorded, against: tested) }
            try VerdictTable(
                verdict, title: "Evidence against the policy \(policy)", claims: ReportSummary(recorded.evidence.report)
            ).conclude(json: json)
        }
    }
}

/// An argument that names a file instead of a policy: `-`, a path with a slash, or a name that ends in `.toml`.
private struct PolicyFile {
    let document: String

    /// - Returns: `nil` for a policy's name.
    init?(_ argument: String) throws {
        guard argument == "-" || argument.contains("/") || argument.hasSuffix(".toml") else { return nil }
        document = try InputFile.text(argument)
    }
}
