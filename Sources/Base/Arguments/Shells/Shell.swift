import Glibc

/// A shell with a completion script.
public enum Shell: String, CaseIterable, Sendable {
    case zsh, bash, fish

    /// The name of the user's shell, from the environment.
    static var ofUser: String {
        guard let path = getenv("SHELL") else { return "" }
        return String(cString: path).split(separator: "/").last.map { String($0) } ?? ""
    }

    func script(for root: CommandPath) -> String {
        switch self {
        case .bash: BashCompletion(root).script
        case .zsh: ZshCompletion(root).script
        case .fish: FishCompletion(root).script
        }
    }
}

/// A command in a completion script.
struct CompletedCommand {
    let path: CommandPath
    /// The arguments of the command, or of its default subcommand.
    let declarations: [Declaration]

    init(_ path: CommandPath) {
        self.path = path
        declarations = (path.defaultSubcommand ?? path).declarations
    }

    var options: [Declaration] { declarations.filter { $0.form != .positional } }
    var positionals: [Declaration] { declarations.filter { $0.form == .positional } }

    static func all(below root: CommandPath) -> [CompletedCommand] { root.all.map { CompletedCommand($0) } }
}

/// Text in single quotes, for the three shells.
func quoted(_ text: String) -> String { "'" + text.replacing("'", with: #"'\''"#) + "'" }
