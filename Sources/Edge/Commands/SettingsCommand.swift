import Arguments
import Installation

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "List every setting with its value and origin.",
        discussion:
            "Takes the flags, environment and file of `kbs serve`, and prints the settings in force.")

    @OptionGroup var options: SettingsOptions
    @Flag(help: "Print an example file with every setting and its default.") var example = false
    @Flag(help: "Print the reference of all settings as a Markdown table.") var reference = false
    @Flag(help: "Print JSON.") var json = false

    private struct Row: Encodable {
        let name, value: String
        let origin: SettingOrigin
    }

    func run() throws {
        if example { return print(SettingsReference.exampleFile, terminator: "") }
        if reference { return print(SettingsReference.table, terminator: "") }
        let settings = try options.resolve().settings
        let rows = SettingKey.allCases.map {
            Row(name: $0.name, value: settings.texts[$0.name] ?? "", origin: settings.origins[$0] ?? .default)
        }
        if json { return try printJSON(rows) }
        printTable([["SETTING", "ORIGIN", "VALUE"]] + rows.map { [$0.name, $0.origin.rawValue, $0.value] })
    }
}
