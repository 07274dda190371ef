/// The line that shows how a command is called.
struct Usage {
    private let path: CommandPath

    init(_ path: CommandPath) { self.path = path }

    /// What has more arguments shows only those that must be given, and places.
    private static let most = 12

    var line: String { ([path.text] + parts).joined(separator: " ") }

    private var parts: [String] {
        if path.leadsOn { return ["<subcommand>"] }
        let all = path.declarations
        guard all.count > Self.most else { return all.map(\.synopsis) }
        let shown = all.filter { $0.isRequired || $0.form == .positional }.map(\.synopsis)
        return shown.isEmpty ? ["<options>"] : ["[<options>]"] + shown
    }
}
