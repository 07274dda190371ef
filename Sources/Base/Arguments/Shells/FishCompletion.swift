/// A completion script for fish.
struct FishCompletion {
    private let commands: [CompletedCommand]
    private let program: String

    init(_ root: CommandPath) {
        commands = CompletedCommand.all(below: root)
        program = root.text
    }

    var script: String {
        """
        # fish completion for \(program), made by: \(program) --generate-completion-script fish

        # Whether the words so far begin with these.
        function \(function)_within
            set -l words (commandline -opc)[2..]
            set -l count (count $argv)
            test (count $words) -ge $count; or return 1
            test $count -eq 0; or test "$words[1..$count]" = "$argv"
        end

        # Whether they are these and no more, so that the name of a command may follow.
        function \(function)_names
            set -l words (commandline -opc)[2..]
            if set -q words[1]; and test $words[1] = help
                set -e words[1]
            end
            test "$words" = "$argv"
        end

        complete -c \(program) -f
        \(commands.flatMap(lines).joined(separator: "\n"))

        """
    }

    private var function: String { "__" + program.replacing("-", with: "_") }

    private func lines(_ command: CompletedCommand) -> [String] {
        let path = command.path
        if path.command is HelpCommand.Type { return [] }
        let words = path.names.dropFirst().joined(separator: " ")
        let within = "complete -c \(program) -n \(quoted(condition(path, words)))"
        let subcommands = path.callable.map {
            "complete -c \(program) -n \(quoted("\(function)_names \(words)")) -a \($0.command.name) "
                + "-d \(quoted($0.configuration.abstract))"
        }
        let options = command.options.map { "\(within) -l \($0.name)\(value($0)) -d \(quoted($0.abstract))" }
        let builtIn = BuiltIn.options(of: path).map { option in
            let names = option.names.map { $0.hasPrefix("--") ? " -l \($0.dropFirst(2))" : " -s \($0.dropFirst())" }
            return "\(within)\(names.joined()) -d \(quoted(option.abstract))"
        }
        let places = path.hasSubcommands ? [] : command.positionals
        let files = places.isEmpty ? [] : ["\(within) -F"]
        return subcommands + options + builtIn + files
    }

    /// The condition for offering a command's options.
    private func condition(_ path: CommandPath, _ words: String) -> String {
        guard path.hasSubcommands else { return "\(function)_within \(words)" }
        guard path.defaultSubcommand != nil else { return "\(function)_names \(words)" }
        // The default subcommand's options, while no other is named.
        let others = path.callable.map { "; and not \(function)_within \($0.names.dropFirst().joined(separator: " "))" }
        return "\(function)_within \(words)" + others.joined()
    }

    private func value(_ option: Declaration) -> String {
        if option.form == .flag { return "" }
        if option.allValues.isEmpty { return " -r -F" }
        return " -x -a \(quoted(option.allValues.joined(separator: " ")))"
    }
}
