/// A parsed command line.
enum Request {
    case run(any ParsableCommand, CommandPath)
    case help(CommandPath)
    case version(String)
    case completions(shell: String?, CommandPath)
    case manual(CommandPath)
}

/// Parses a command line by a program's declarations.
struct Parser {
    let root: CommandPath

    init(_ root: any ParsableCommand.Type) { self.root = CommandPath(root: root) }

    /// - Parameter arguments: without the program's name.
    /// - Throws: ``UsageError``.
    func parse(_ arguments: [String]) throws(UsageError) -> Request {
        let words = try Word.words(arguments, at: root)
        var (path, rest) = (root, words[...])
        while path.hasSubcommands {
            if let next = rest.first?.value.flatMap({ path.next($0) }) {
                path = next
                rest = rest.dropFirst()
            } else if let command = path.defaultSubcommand, !(rest.count == 1 && rest.allSatisfy(\.asksForHelp)) {
                // `--help` alone is for the named command.
                path = command
            } else {
                break
            }
        }
        if let request = builtIn(rest, path) { return request }
        if path.hasSubcommands { return try withoutSubcommand(rest, path) }
        let command = path.command.init()
        try Filling(path, command).fill(rest)
        try validate(command, path)
        if let help = command as? HelpCommand { return .help(help.path(from: root)) }
        return .run(command, path)
    }

    /// The options of every command.
    private func builtIn(_ rest: ArraySlice<Word>, _ path: CommandPath) -> Request? {
        let options = rest.prefix { $0 != .terminator }
        for (index, word) in zip(options.indices, options) {
            guard case .option(let name, let attached) = word else { continue }
            switch name {
            case "--generate-completion-script":
                let next = index + 1 < options.endIndex ? options[index + 1].value : nil
                return .completions(shell: attached ?? next, root)
            case "--generate-manual": return .manual(root)
            default: break
            }
        }
        if options.contains(where: \.asksForHelp) {
            // `help --help COMMAND` shows the command's help.
            guard path.command is HelpCommand.Type else { return .help(path) }
            let named = HelpCommand()
            try? Filling(path, named).fill(rest.filter { $0.value != nil }[...])
            return .help(named.path(from: root))
        }
        if options.contains(where: { $0.option == "--version" }), let version = path.version {
            return .version(version)
        }
        return nil
    }

    /// A command with subcommands, none of which is named.
    private func withoutSubcommand(_ rest: ArraySlice<Word>, _ path: CommandPath) throws(UsageError) -> Request {
        let names = path.callable.map { $0.command.name }
        let meant = rest.first?.value.flatMap { Suggestion.nearest(to: $0, among: names) }
        if meant == nil, let unknown = rest.lazy.compactMap(\.option).first {
            let meant = Suggestion.nearest(to: unknown, among: BuiltIn.options(of: path).flatMap(\.names))
            throw UsageError("Unknown option '\(unknown)'\(Suggestion.sentence(meant))", at: path)
        }
        let values = rest.compactMap(\.value)
        guard !values.isEmpty else { return .run(path.command.init(), path) }
        throw Filling.unexpected(meant == nil ? values : Array(values.prefix(1)), meant, at: path)
    }

    private func validate(_ command: any ParsableCommand, _ path: CommandPath) throws(UsageError) {
        for arguments in command.validated {
            do { try arguments.validate() } catch { throw UsageError("\(error)", at: path) }
        }
    }
}
