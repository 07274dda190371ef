/// A command with its parents: `kbs`, `kbs workload`, `kbs workload add`.
struct CommandPath: Sendable {
    /// The root first. Never empty.
    private(set) var commands: [any ParsableCommand.Type]

    init(root: any ParsableCommand.Type) { commands = [root] }

    var command: any ParsableCommand.Type { commands[commands.count - 1] }
    var configuration: CommandConfiguration { command.configuration }
    /// `kbs workload add`.
    var text: String { names.joined(separator: " ") }
    var names: [String] { commands.map { $0.name } }
    var isRoot: Bool { commands.count == 1 }

    /// The version of the command or its nearest parent.
    var version: String? { commands.reversed().lazy.map { $0.configuration.version }.first { !$0.isEmpty } }

    /// The subcommands, without `help`.
    var subcommands: [CommandPath] { configuration.subcommands.map { adding($0) } }

    var hasSubcommands: Bool { !configuration.subcommands.isEmpty }

    /// The subcommands, with the root's `help`.
    var callable: [CommandPath] { subcommands + (isRoot && hasSubcommands ? [adding(HelpCommand.self)] : []) }

    var defaultSubcommand: CommandPath? { configuration.defaultSubcommand.map { adding($0) } }

    func next(_ name: String) -> CommandPath? { callable.first { $0.command.name == name } }

    private func adding(_ command: any ParsableCommand.Type) -> CommandPath {
        var path = self
        path.commands.append(command)
        return path
    }

    /// This command and all below it, in the order of help.
    var all: [CommandPath] { [self] + callable.flatMap(\.all) }

    /// The command's own arguments.
    var declarations: [Declaration] { command.init().declarations }
}

/// `help COMMAND`, a subcommand of every root with subcommands.
struct HelpCommand: ParsableCommand {
    static let configuration = {
        var configuration = CommandConfiguration(
            commandName: "help", abstract: "Show subcommand help information.")
        configuration.hasHelpFlag = false
        return configuration
    }()

    @Argument var subcommands: [String] = []

    /// The command that the leading words name.
    func path(from root: CommandPath) -> CommandPath {
        var path = root
        for name in subcommands {
            guard let next = path.next(name) else { break }
            path = next
        }
        return path
    }
}
