extension CommandPath {
    /// The usage line. With more than 12 arguments, only required and positional ones are shown.
    var usage: String {
        if hasSubcommands { return "\(text) <subcommand>" }
        let all = declarations
        let shown = all.count > 12 ? all.filter { $0.isRequired || $0.form == .positional } : all
        let hint = shown.count == all.count ? [] : [shown.isEmpty ? "<options>" : "[<options>]"]
        return ([text] + hint + shown.map(\.synopsis)).joined(separator: " ")
    }
}
