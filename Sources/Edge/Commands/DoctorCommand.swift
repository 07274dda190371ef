import Arguments
import Installation
import Server

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check a configuration, and print faults with their remedies.",
        discussion: """
            Takes the flags, environment and file of `kbs serve`, and examines everything that a server with these \
            settings needs. It only reads, and a server may run at the same time. Run it as the server's user.

            Exit status: 0 without problems (warnings do not count), 1 with problems, 2 if the settings cannot be used \
            and nothing else was examined.
            """)

    @OptionGroup var options: SettingsOptions
    @Flag(help: "Also ask AMD's service and the JWT issuer.") var online = false
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        let findings: [Finding]
        do {
            let (settings, unknown) = try options.resolve()
            findings = await Doctor(
                settings, unknownVariables: unknown, listening: ListeningExamination(settings), isOnline: online
            ).examine()
        } catch let error as InvalidSetting {
            let finding = Finding.unusableSettings(error)
            try json ? printJSON([finding]) : print(Self.line(finding))
            throw ExitCode(2)
        }
        if json { try printJSON(findings) } else { show(findings) }
        if findings.contains(where: { $0.level == .problem }) { throw ExitCode(1) }
    }

    private func show(_ findings: [Finding]) {
        for finding in findings { print(Self.line(finding)) }
        let (problems, warnings) = (
            findings.count { $0.level == .problem }, findings.count { $0.level == .warning }
        )
        print("\n\(problems) problems, \(warnings) warnings")
    }

    private static func line(_ finding: Finding) -> String {
        let colour: Terminal.Colour = [.ok: .green, .warning: .yellow, .problem: .red][finding.level] ?? .red
        let level = finding.level.rawValue.padding(to: 8)
        let advice = finding.advice.isEmpty ? "" : "\n         \("".padding(to: 22)) → \(finding.advice)"
        return "\(Terminal.paint(level, colour)) \(finding.check.padding(to: 22))  \(finding.found)\(advice)"
    }
}
