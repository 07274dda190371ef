/// A command and those above it: `kbs`, `kbs workload`, `kbs workload add`.
struct CommandPath: Sendable {
    /// The root first. Never empty.
    private(set) var commands: [any ParsableCommand.Type]

    init(root: any ParsableCommand.Type) { commands = [root] }

    /// The one that the path leads to.
    var command: any ParsableCommand.Type { commands[commands.count - 1] }
    var configuration: CommandConfiguration { command.configuration }
    /// As it is typed.
    var text: String { names.joined(separator: " ") }
    var names: [String] { commands.map { $0.name } }
    var isRoot: Bool { commands.count == 1 }

    /// The nearest one on the way up.
    var version: String? { commands.reversed().lazy.map { $0.configuration.version }.first { !$0.isEmpty } }

    /// Those that help lists.
    var subcommands: [CommandPath] { configuration.subcommands.map { adding($0) } }

    /// Whether a word is to name the next command.
    var leadsOn: Bool { !configuration.subcommands.isEmpty }

    /// Those that may be typed: the root has `help` beside its own.
    var callable: [CommandPath] { subcommands + (isRoot && leadsOn ? [adding(HelpCommand.self)] : []) }

    var standard: CommandPath? { configuration.defaultSubcommand.map { adding($0) } }

    func next(_ name: String) -> CommandPath? { callable.first { $0.command.name == name } }

    private func adding(_ command: any ParsableCommand.Type) -> CommandPath {
        var path = self
        path.commands.append(command)
        return path
    }

    /// This path and every one that begins with it, in the order of help.
    var all: [CommandPath] { [self] + callable.flatMap(\.all) }

    /// The arguments of the command itself.
    var declarations: [Declaration] { command.init().declarations }
}

/// `help COMMAND`, which every program with commands has.
struct HelpCommand: ParsableCommand {
    static let configuration = {
        var configuration = CommandConfiguration(
            commandName: "help", abstract: "Show subcommand help information.")
        configuration.hasHelpFlag = false
        return configuration
    }()

    @Argument var subcommands: [String] = []

    /// As far as the words name commands.
    func path(from root: CommandPath) -> CommandPath {
        var path = root
        for name in subcommands {
            guard let next = path.next(name) else { break }
            path = next
        }
        return path
    }
}
