import Administration
import Arguments
import Broker
import FoundationEssentials
import Installation

extension PolicyCommand {
    struct Impact: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the impact of a draft policy or a changed setting on the guests that were seen.",
            discussion: """
                The draft is evaluated with the evidence of attempts: which guests would still be accepted, which \
                would be refused and by which check, which would be accepted newly. Exits with 1 if a guest would lose \
                access.
                """)

        @OptionGroup var target: Target
        @Argument(help: "A TOML file with a policy; - is standard input.") var file: String?
        @Option(help: "The policy that the draft would replace (default: the one with the file's name).")
        var name: String?
        @Option(help: ArgumentHelp("A setting, e.g. snp.vmpl=1. May be repeated.", valueName: "key=value"))
        var set: [String] = []
        @Option(help: ArgumentHelp("The age of the oldest attempt that counts, e.g. 12h or 7d.", valueName: "time"))
        var since = "7d"
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let span = try LookBack.span(since)
            let replaced = name ?? file.flatMap(Self.name)
            let request =
                switch (file, set.isEmpty) {
                case (let file?, true):
                    ImpactRequest(policyDocument: try InputFile.text(file), replacing: replaced, span: span)
                case (nil, false) where name == nil: ImpactRequest(settings: try Self.settings(set), span: span)
                default: throw ValidationError("Give a file with a policy, or --set KEY=VALUE.")
                }
            let impact = try await target.open { try await $0.impact(request) }
            if file != nil, impact.policy == nil {
                if let name { throw Refusal(.notFound, "There is no policy \(name) that the draft would replace.") }
                tell(
                    replaced.map { "There is no policy \($0): compared with nothing." }
                        ?? "The draft is compared with nothing: --name names the policy that it would replace.")
            }
            if json { try printJSON(impact) } else { ImpactText(impact: impact).print() }
            guard impact.lost == 0 else { throw ExitCode(1) }
        }

        /// The policy of a file: `web` for `web.toml`.
        static func name(of file: String) -> String? {
            let last = file.split(separator: "/").last.map(String.init) ?? file
            guard last.hasSuffix(".toml") else { return nil }
            return String(last.dropLast(5))
        }

        private static func settings(_ texts: [String]) throws -> [String: String] {
            var values: [String: String] = [:]
            for text in texts {
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, values.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
                    throw ValidationError("--set takes KEY=VALUE, and each key once: \(text)")
                }
            }
            return values
        }
    }
}

/// Options of a command that can lock guests out.
struct ImpactOptions: ParsableArguments {
    @Flag(
        help: "Show the impact on the guests that were seen, and change nothing. Exits with 1 if one would lose access."
    )
    var dryRun = false
    @Option(
        help: ArgumentHelp(
            "The age of the oldest attempt that counts for the impact, e.g. 12h or 7d.", valueName: "time"))
    var since = "7d"
    @Flag(help: "Print the impact as JSON.") var json = false
    @Flag(help: "Do not ask for confirmation, at a terminal, if guests would lose access.") var yes = false

    func validate() throws {
        guard dryRun || !json else { throw ValidationError("--json goes with --dry-run") }
        _ = try LookBack.span(since)
    }

    /// Makes a change: at a terminal after its impact is shown, and confirmed if guests would lose access. On a dry run
    /// the impact is all.
    ///
    /// - Parameters:
    ///   - readsInput: whether standard input is taken, so that no question can be asked.
    ///   - request: the change, for a time span.
    func change(
        _ what: String, through administrator: Administrator, readsInput: Bool,
        _ request: (TimeInterval) throws -> ImpactRequest, _ make: () async throws -> Void
    ) async throws {
        guard dryRun || (!yes && !readsInput && Terminal.canAsk) else { return try await make() }
        var impact: ImpactSummary?
        do { impact = try await administrator.impact(try request(try LookBack.span(since))) } catch let failure
            as RemoteFailure where !dryRun && failure.status == 403
        {
            print("Who would lose access is not known: \(failure)")
        }
        if let impact { if json { try printJSON(impact) } else { ImpactText(impact: impact).print() } }
        guard impact?.lost == 0 || (!dryRun && Terminal.confirm("\(what)?")) else { throw ExitCode(1) }
        if !dryRun { try await make() }
    }
}

/// The printed form of an impact.
struct ImpactText {
    let impact: ImpactSummary

    /// One line, for the decision.
    var summary: String {
        let start = impact.effective > Date() ? "At \(impact.effective.formatted(.iso8601)), of" : "Of"
        return
            "\(start) the guests seen since \(impact.since.formatted(.iso8601)): \(impact.kept) keep what they have, "
            + "\(impact.lost) lose it, \(impact.gained) get in newly, \(impact.refused) get in neither way."
    }

    func print() {
        Commands.print(summary)
        if !impact.guests.isEmpty {
            Commands.print("")
            let namesPolicies = impact.guests.contains { !$0.policies.isEmpty }
            printTable(
                [["CHANGE", "MEASUREMENT", "CHIP", "SEEN", "LAST", "BY"] + (namesPolicies ? ["POLICIES"] : [])]
                    + impact.guests.map {
                        [
                            $0.change.rawValue, $0.measurement.map { "\($0.prefix(16))…" } ?? "-",
                            $0.chip.isEmpty ? "hidden" : "\($0.chip.prefix(16))…", "\($0.count)",
                            $0.last.formatted(.iso8601), $0.failed.isEmpty ? "-" : $0.failed.joined(separator: ", "),
                        ] + (namesPolicies ? [$0.policies.joined(separator: ", ")] : [])
                    })
            if let advice = impact.guests.first(where: { $0.change == .lost })?.advice {
                Commands.print("\n\(advice)")
            }
        }
        if !impact.passedOver.isEmpty {
            Commands.print(
                "\nNot looked at, since attempts do not keep what it needs: \(impact.passedOver.joined(separator: ", "))."
            )
        }
        if impact.cut { Commands.print("\nThere were more attempts than are looked at: the oldest are not counted.") }
    }
}
