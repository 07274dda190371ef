import Administration
import Arguments
import Broker
import FoundationEssentials
import Installation

struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "List the machines that guests ran on, and whether their firmware is below a minimum.",
        discussion: """
            From the genuine evidence of attempts. With --under only machines below that minimum are listed, and the \
            exit status is 1 if there is one. docs/fleet.md says what to do when the vendor publishes a bulletin. \
            \(Target.explanation)
            """)

    @OptionGroup var target: Target
    @Option(
        help: ArgumentHelp(
            "Only machines whose firmware is below this TCB, e.g. milan=04.00.22.213; replaces the server's minimums. "
                + "May be repeated for other products.", valueName: "product=tcb"))
    var under: [String] = []
    @Option(help: ArgumentHelp("The age of the oldest attempt that counts, e.g. 12h or 7d.", valueName: "time"))
    var since = "30d"
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let floors = under.isEmpty ? nil : under.joined(separator: ",")
        let span = try LookBack.span(since)
        let fleet = try await target.open { try await $0.fleet(span: span, under: floors) }
        if json { try printJSON(fleet) } else { FleetText(fleet: fleet, isUnder: floors != nil).print() }
        guard floors == nil || fleet.machines.isEmpty else { throw ExitCode(1) }
    }
}

/// The printed form of a fleet.
private struct FleetText {
    let fleet: FleetSummary
    let isUnder: Bool

    func print() {
        let floors = fleet.floors.sorted { $0.key < $1.key }.map { "\($0.value) on \($0.key)" }
        let since = "since \(fleet.since.formatted(.iso8601))"
        if fleet.machines.isEmpty {
            Commands.print(isUnder ? "No machine seen \(since) is under the floor." : "No machine was seen \(since).")
        } else {
            printTable(
                [["MACHINE", "PRODUCT", "REPORTED", "LAST", "ATTEMPTS", "REFUSED", "GOOD UNTIL", "FIRMWARE", "GUESTS"]]
                    + fleet.machines.map(row))
            let under = fleet.machines.count { !($0.under?.isEmpty ?? true) }
            Commands.print(
                "\n\(fleet.machines.count) \(fleet.machines.count == 1 ? "machine" : "machines") seen \(since), \(under) under "
                    + "the floor (\(floors.isEmpty ? "none is set" : floors.joined(separator: ", "))).")
        }
        if fleet.unnamed > 0 {
            Commands.print("\(fleet.unnamed) attempts name no machine: of SEV guests, and of guests without hardware.")
        }
        if fleet.unreadable > 0 {
            Commands.print("\(fleet.unreadable) attempts cannot be read: their rows are not as a key broker left them.")
        }
        if fleet.cut { Commands.print("There was more than is looked at: the oldest attempts are not counted.") }
    }

    private func row(_ machine: MachineSummary) -> [String] {
        [
            machine.chip.map { short($0) } ?? "hidden, key \(machine.key.map { short($0) } ?? "not known")",
            [machine.product ?? "not stated", machine.provider].compactMap(\.self).joined(separator: ", "),
            machine.versions["reported_tcb"] ?? "not stated", machine.last.formatted(.iso8601),
            "\(machine.attempts)", "\(machine.refused)", machine.goodUntil?.formatted(.iso8601) ?? "-",
            machine.denied ? "denied" : firmware(machine), guests(machine),
        ]
    }

    private func short(_ hex: String) -> String { hex.count > 16 ? "\(hex.prefix(16))…" : hex }

    /// E.g. `SNP 7 of 8, microcode 209 of 213`: the lowest level of each component in all TCBs.
    private func firmware(_ machine: MachineSummary) -> String {
        guard let lags = machine.under else { return "no floor" }
        guard !lags.isEmpty else { return "meets the floor" }
        var (components, texts) = ([String: (found: Int, floor: Int)](), [String]())
        var order: [String] = []
        for lag in lags {
            guard let name = lag.component, let found = lag.found, let floor = lag.floor else {
                texts.append("\(lag.version) not stated")
                continue
            }
            if components[name] == nil { order.append(name) }
            components[name] = (min(found, components[name]?.found ?? found), floor)
        }
        let isOfLaunch = lags.allSatisfy { $0.version == "launch_tcb" }
        let lower = order.compactMap { name in components[name].map { "\(name) \($0.found) of \($0.floor)" } }
        return (lower + texts).joined(separator: ", ") + (isOfLaunch ? " (at launch)" : "")
    }

    private func guests(_ machine: MachineSummary) -> String {
        guard let first = machine.guests.first else { return machine.addresses.first.map { "from \($0)" } ?? "-" }
        return machine.guests.count == 1 ? first : "\(first) and \(machine.guests.count - 1) more"
    }
}

extension LookBack {
    /// Reads `--since`.
    static func span(_ text: String) throws -> TimeInterval {
        guard let span = SettingValue.duration(text), allowed.contains(span) else {
            throw ValidationError("--since is a time such as 30m, 12h or 7d.")
        }
        return span
    }
}
