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
            let request =
                switch (file, set.isEmpty) {
                case (let file?, true):
                    ImpactRequest(
                        policyDocument: try InputFile.text(file), replacing: name ?? Self.name(of: file), span: span)
                case (nil, false): ImpactRequest(settings: try Self.settings(set), span: span)
                default: throw ValidationError("Give a file with a policy, or --set KEY=VALUE.")
                }
            let impact = try await target.open { try await $0.impact(request) }
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

/// The printed form of an impact.
struct ImpactText {
    let impact: ImpactSummary

    /// One line, for the decision.
    var summary: String {
        "Of the guests seen since \(impact.since.formatted(.iso8601)): \(impact.kept) keep what they have, \(impact.lost) lose it, "
            + "\(impact.gained) get in newly, \(impact.refused) get in neither way."
    }

    func print() {
        Commands.print(summary)
        if !impact.guests.isEmpty {
            Commands.print("")
            printTable(
                [["CHANGE", "MEASUREMENT", "CHIP", "SEEN", "LAST", "BY"]]
                    + impact.guests.map {
                        [
                            $0.change.rawValue, $0.measurement.map { "\($0.prefix(16))…" } ?? "-",
                            $0.chip.isEmpty ? "hidden" : "\($0.chip.prefix(16))…", "\($0.count)",
                            $0.last.formatted(.iso8601), $0.failed.isEmpty ? "-" : $0.failed.joined(separator: ", "),
                        ]
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
