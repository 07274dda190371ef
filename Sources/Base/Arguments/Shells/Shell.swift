import Glibc

/// A shell for which there is a completion script.
public enum Shell: String, CaseIterable, Sendable {
    case zsh, bash, fish

    /// The name of the user's own, from its environment.
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

/// A command as a completion script knows it.
struct CompletedCommand {
    let path: CommandPath
    /// Those of the command itself, or, with commands under it, of the one that is meant when none is named.
    let declarations: [Declaration]

    init(_ path: CommandPath) {
        self.path = path
        declarations = (path.standard ?? path).declarations
    }

    var options: [Declaration] { declarations.filter { $0.form != .positional } }
    var positionals: [Declaration] { declarations.filter { $0.form == .positional } }

    static func all(below root: CommandPath) -> [CompletedCommand] { root.all.map { CompletedCommand($0) } }
}

/// Text between single quotes, as the three shells understand it.
func quoted(_ text: String) -> String { "'" + text.replacing("'", with: #"'\''"#) + "'" }
