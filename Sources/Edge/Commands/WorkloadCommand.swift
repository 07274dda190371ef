import Administration
import Arguments
import Broker
import Bytes
import Evidence
import FoundationEssentials
import Installation
import LaunchDigest

struct WorkloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workload", abstract: "Register, list, show, disable, test and remove workloads.",
        discussion: Target.explanation,
        subcommands: [Add.self, List.self, Show.self, Disable.self, Enable.self, Test.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a workload.",
            discussion: "The secret comes from --secret-file, or from standard input. A final line end is removed."
        )

        @OptionGroup var target: Target
        @Argument(help: "The workload's id.") var id: String
        @Option(help: "The launch measurement: 96 hex digits for SNP, 64 for SEV and SEV-ES. Or --measure.")
        var measurement: String?
        @OptionalGroup var measured: MeasuredInstead?
        @Option(help: "The TEE configuration, as JSON.") var teeConfig: String?
        @Option(help: "The policy that its guests must meet, instead of a measurement.") var policy: String?
        @Option(help: "A file with the secret; - is standard input.") var secretFile = "-"
        @Flag(help: "Replace a registered workload.") var replace = false

        func validate() throws {
            guard [measurement != nil, measured != nil, policy != nil].filter(\.self).count == 1 else {
                throw ValidationError(
                    "give --measurement, or --measure snp with its options, or --policy with a name")
            }
            guard policy == nil || teeConfig == nil else {
                throw ValidationError(
                    "--tee-config goes with a measurement: leave it out, the policy has its own rules")
            }
        }

        func run() async throws {
            let launch: NewWorkload.Launch =
                if let policy { .policy(policy) } else {
                    .measurement(try measurement ?? measuredDigest(), configuration: teeConfig ?? "")
                }
            // More than any guest can receive, so that the registration itself refuses it.
            let secret = try InputFile.secret(secretFile, atMost: 1 << 20, droppingLineEnd: true)
            let workload = try await target.open(create: true) {
                try await $0.register(NewWorkload(id: id, launch: launch, secret: secret), replacing: replace)
            }
            for warning in workload.warnings ?? [] { tell("Warning: \(warning)") }
            print("Registered \(id) with the policy \(workload.policy).")
        }

        private func measuredDigest() throws -> String {
            let digests = try measured?.documents().map(\.digest) ?? []
            guard let digest = digests.first, digests.allSatisfy({ ExactText($0) == ExactText(digest) }) else {
                throw CommandFailure(
                    "a workload has one measurement, and these options make \(digests.count): name one number of vCPUs, one CPU "
                        + "type and so on, or have a policy name them as reference values (kbs reference set --measure snp)"
                )
            }
            return digest
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the workloads.")

        @OptionGroup var target: Target
        @Option(help: "Only workloads whose id contains this.") var search = ""
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.workloads(search: search) }
            try printList(
                all, json: json, orElse: "There are no workloads.", ["ID", "TECHNOLOGY", "REGISTERED", "STATE"]
            ) { [$0.id, $0.tee, $0.registered.formatted(.iso8601), $0.disabled ? "disabled" : "enabled"] }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a workload. Its secret is not shown.")

        @OptionGroup var target: Target
        @Argument(help: "The workload's id.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let workload = try await target.open { try await $0.workload(id) }
            if json { return try printJSON(workload) }
            print(
                """
                id           \(workload.id)
                technology   \(workload.tee)
                measurement  \(workload.launchMeasurement ?? "as the policy says")
                policy       \(workload.policy)
                tee_config   \(workload.teeConfig)
                registered   \(workload.registered.formatted(.iso8601))
                disabled     \(workload.disabled ? "yes" : "no")
                """)
            for warning in workload.warnings ?? [] { print("warning      \(warning)") }
        }
    }

    /// A workload on a target.
    struct One: ParsableArguments {
        @OptionGroup var target: Target
        @Argument(help: "The workload's id.") var id: String

        func change(_ done: String, _ body: (Administrator) async throws -> Void) async throws {
            try await target.open(body)
            print("\(done) \(id).")
        }
    }

    struct Disable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop releasing a workload's secret.")

        @OptionGroup var workload: One

        func run() async throws {
            try await workload.change("Disabled") { try await $0.setDisabled(true, workload: workload.id) }
        }
    }

    struct Enable: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Release a workload's secret again.")

        @OptionGroup var workload: One

        func run() async throws {
            try await workload.change("Enabled") { try await $0.setDisabled(false, workload: workload.id) }
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluate a workload's requirements with recorded evidence. Nothing is released.",
            discussion: """
                The evidence is a report (1,184 bytes or hex) or the body of a guest's POST /attest. Its freshness is \
                not checked. Exits with 0 if it is accepted, 1 if it is refused.
                """)

        @OptionGroup var target: Target
        @Argument(help: "The workload's id.") var id: String
        @Option(help: "The file with the evidence.") var evidence: String
        @Option(help: "A file with certificates for it, PEM or DER. May be repeated.") var vcek: [String] = []
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let more = try vcek.flatMap(InputFile.certificates)
            let recorded = try RecordedEvidence(try InputFile.evidence(evidence), certificates: more)
            let verdict = try await target.open { try await $0.appraise(recorded, against: .workload(id)) }
            try VerdictTable(
                verdict, title: "Evidence against \(id)", claims: ReportSummary(recorded.evidence.report)
            ).conclude(json: json)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a workload, its secret and its sessions.")

        @OptionGroup var workload: One

        func run() async throws {
            try await workload.change("Removed") { try await $0.removeWorkload(workload.id) }
        }
    }
}
