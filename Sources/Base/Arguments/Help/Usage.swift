/// A command's usage line.
struct Usage {
    private let path: CommandPath

    init(_ path: CommandPath) { self.path = path }

    /// With more arguments, only required and positional ones are shown.
    private static let most = 12

    var line: String { ([path.text] + parts).joined(separator: " ") }

    private var parts: [String] {
        if path.hasSubcommands { return ["<subcommand>"] }
        let all = path.declarations
        guard all.count > Self.most else { return all.map(\.synopsis) }
        let shown = all.filter { $0.isRequired || $0.form == .positional }.map(\.synopsis)
        return shown.isEmpty ? ["<options>"] : ["[<options>]"] + shown
    }
}
