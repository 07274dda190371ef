import Arguments
import Installation
import Server

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check a configuration, and say what is wrong and what to do.",
        discussion: """
            Takes the flags of `kbs serve`, its environment and its file, and looks at everything that a server with \
            them needs. It changes nothing, and a server may run at the same time. Run it as the server's user.

            Exit status: 0 when there is no problem (there may be warnings), 1 when there is one, 2 when the settings \
            cannot be used, so that nothing else was looked at.
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
