/// A completion script for zsh, for a folder of its `fpath` or to be sourced.
struct ZshCompletion {
    private let commands: [CompletedCommand]
    private let program: String

    init(_ root: CommandPath) {
        commands = CompletedCommand.all(below: root)
        program = root.text
    }

    var script: String {
        """
        #compdef \(program)
        # zsh completion for \(program), made by: \(program) --generate-completion-script zsh

        \(commands.map(function).joined(separator: "\n\n"))

        if [ "$funcstack[1]" = "_\(program)" ]; then
            _\(program) "$@"
        else
            compdef _\(program) \(program)
        fi

        """
    }

    private func name(_ path: CommandPath) -> String { "_" + path.names.joined(separator: "_") }

    private func function(_ command: CompletedCommand) -> String {
        let path = command.path
        if path.command is HelpCommand.Type {
            // It is followed by the names of commands, as the program's name is.
            return "\(name(path))() { _\(program) }"
        }
        let specifications = command.options.map(specification) + BuiltIn.options(of: path).flatMap(specifications)
        guard path.hasSubcommands else {
            let places = command.positionals.map(specification)
            return """
                \(name(path))() {
                    _arguments -s -S : \\
                        \((specifications + places).joined(separator: " \\\n        "))
                }
                """
        }
        let callable = path.callable
        return """
            \(name(path))() {
                local context state state_descr line
                typeset -A opt_args
                _arguments -C -s -S : \\
                    \(specifications.joined(separator: " \\\n        ")) \\
                    '1: :->command' \\
                    '*:: :->arguments'
                case $state in
                command)
                    local -a commands
                    commands=(
                        \(callable.map(described).joined(separator: "\n            "))
                    )
                    _describe -t commands command commands
                    ;;
                arguments)
                    case $words[1] in
                    \(callable.map { "\($0.command.name)) \(name($0)) ;;" }.joined(separator: "\n        "))
                    esac
                    ;;
                esac
            }
            """
    }

    private func described(_ path: CommandPath) -> String {
        quoted("\(path.command.name):\(path.configuration.abstract)")
    }

    private func specification(_ declaration: Declaration) -> String {
        let action =
            declaration.allValues.isEmpty ? "_files" : "(\(declaration.allValues.joined(separator: " ")))"
        let text = "[\(escaped(declaration.abstract))]"
        let repeated = declaration.isRepeating ? "*" : ""
        switch declaration.form {
        case .positional:
            let place = declaration.isRepeating ? "*:" : declaration.isRequired ? ":" : "::"
            return quoted("\(place)\(escaped(declaration.valueName)):\(action)")
        case .flag: return quoted(declaration.typed + text)
        case .option where declaration.strategy == .upToNextOption:
            // The value's name has a part for each value: `device> <name`.
            let values = declaration.valueName.replacing("> <", with: "\u{0}").split(separator: "\u{0}")
            let parts = values.map { ":\(escaped(String($0))):\(action)" }.joined()
            return quoted(repeated + declaration.typed + text + parts)
        case .option:
            return quoted("\(repeated)\(declaration.typed)=\(text):\(escaped(declaration.valueName)):\(action)")
        }
    }

    private func specifications(_ option: BuiltIn) -> [String] {
        option.names.map { quoted("(- *)\($0)[\(escaped(option.abstract))]") }
    }

    private func escaped(_ text: String) -> String {
        text.reduce(into: "") { escaped, letter in
            if "\\[]:".contains(letter) { escaped.append("\\") }
            escaped.append(letter)
        }
    }
}
