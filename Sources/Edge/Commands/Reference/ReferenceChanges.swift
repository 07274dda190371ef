import Administration
public import Arguments
public import Broker
import Bytes
import Evidence
import FoundationEssentials

extension ReferenceCommand {
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add values to a set of reference values.",
            discussion: """
                They come from a file, are computed (--measure snp), or are taken from a guest's evidence \
                (--from-attempt). A missing set is created.
                """)

        @OptionGroup var target: Target
        @Argument(help: "The set's name.") var name: String
        @OptionGroup var input: ReferenceInput
        @Option(help: ArgumentHelp("Take the value from the evidence of this attempt.", valueName: "number"))
        var fromAttempt: Int64?
        @Option(help: "The kind of that value, e.g. measurement, id_key, host_data.")
        var kind = ReferenceValueSet.Kind.measurement
        @Flag(help: "Do not ask for confirmation of the attempt's value.") var yes = false

        func validate() throws {
            guard fromAttempt == nil || input.isEmpty else {
                throw ValidationError("--from-attempt takes one value: leave out the file, --measure and dates")
            }
        }

        func run() async throws {
            let done = try await target.open(create: true) { administrator in
                try await administrator.addReferenceValues(try await addition(administrator), to: name)
            }
            print(ReferenceText(set: done).summary("Added to"))
        }

        private func addition(_ administrator: Administrator) async throws -> AddedReferenceValues {
            guard let id = fromAttempt else {
                return AddedReferenceValues(try input.set(try PolicyName(name)))
            }
            let seen = SeenGuest(try await administrator.attempt(id), kind)
            printLines(seen.lines)
            guard let value = seen.value else {
                // The server refuses with the reason.
                return AddedReferenceValues(kind, of: id, value: nil)
            }
            guard yes || Terminal.canAsk else {
                throw CommandFailure("there is no terminal for a confirmation: check the value, and add --yes")
            }
            guard yes || Terminal.confirm("Add it to the reference values \(name)?") else { throw ExitCode(1) }
            // The confirmed value is sent, so that no other one is added.
            return AddedReferenceValues(kind, of: id, value: value)
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let reference values expire.",
            discussion: """
                Guests that match only expired values are refused with that reason. An expiry is never postponed: set \
                the values again for that.
                """)

        @OptionGroup var target: Target
        @Argument(help: "The set's name.") var name: String
        @Option(help: ArgumentHelp("The time until they expire, e.g. 24h.", valueName: "time")) var after: TimeSpan?
        @Flag(help: "They expire at once.") var now = false
        @Option(help: "Only this value. May be repeated.") var value: [String] = []
        @Option(help: ArgumentHelp("The set that policies should name instead.", valueName: "name"))
        var supersededBy: String?
        @OptionGroup var impact: ImpactOptions

        func validate() throws {
            guard after == nil || !now else { throw ValidationError("--now and --after exclude each other") }
            guard after != nil || now || (supersededBy != nil && value.isEmpty) else {
                throw ValidationError("give the values' expiry: --after 24h, or --now")
            }
        }

        func run() async throws {
            let retirement = ReferenceRetirement(
                values: value.isEmpty ? nil : value, after: now ? 0 : after?.seconds, supersededBy: supersededBy)
            try await target.open { administrator in
                try await impact.change("Let them expire", through: administrator, readsInput: false) {
                    ImpactRequest(retirement, of: name, span: $0)
                } _: {
                    let done = try await administrator.retireReferenceValues(name, retirement)
                    print(ReferenceText(set: done).summary("Changed"))
                }
            }
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the changes of a set of reference values, with their times and authors.",
            discussion: "Latest first, at most 200 changes; also of a removed set.")

        @OptionGroup var target: Target
        @Argument(help: "The set's name.") var name: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.referenceHistory(name) }
            if json { return try printJSON(all) }
            for (index, change) in all.enumerated() {
                if index > 0 { print() }
                printLines(ReferenceText.lines(change))
            }
        }
    }
}

extension ReferenceValueSet.Kind: ExpressibleByArgument {}

/// An attempt's guest, and the reference value in its evidence.
private struct SeenGuest {
    let lines: [String]
    /// In hex; nil if genuine evidence does not state it.
    let value: String?

    init(_ detail: AttemptDetail, _ kind: ReferenceValueSet.Kind) {
        let (attempt, claims) = (detail.attempt, detail.claims ?? [:])
        let term = GuestTEE(exactly: attempt.tee).flatMap { Vocabulary.of($0).term(of: kind) }
        value = term.flatMap { claims[$0.name.text] }
        let failed = attempt.failed.isEmpty ? "" : " (\(attempt.failed.joined(separator: ", ")))"
        lines = [
            "\(kind.rawValue.padding(to: 11)) \(value ?? "none that is genuine")",
            "attempt     \(attempt.id), \(attempt.time.formatted(.iso8601)), \(attempt.action)",
            "guest       \(attempt.tee.isEmpty ? "of no technology" : attempt.tee), for "
                + (attempt.workload.isEmpty ? "nothing yet" : attempt.workload),
            "chip        \(attempt.chip.isEmpty ? "hidden" : attempt.chip)",
            "from        \(attempt.address ?? "not known")",
            "outcome     \(attempt.outcome)\(attempt.code.map { ": \($0)" } ?? "")\(failed)",
        ]
    }
}
