/// A completion script for bash, which needs neither the package bash-completion nor the program.
struct BashCompletion {
    private let commands: [CompletedCommand]
    private let program: String

    init(_ root: CommandPath) {
        commands = CompletedCommand.all(below: root)
        program = root.text
    }

    var script: String {
        """
        # bash completion for \(program), made by: \(program) --generate-completion-script bash

        # Sets what is known of the command whose words are given.
        \(function)_command() {
            subcommands='' flags='' options='' repeatable='' places=''
            case $1 in
        \(commands.map(entry).joined(separator: "\n"))
            esac
        }

        # Sets the values that an option of a command takes, where there are few.
        \(function)_values() {
            values=''
            case $1 in
        \(commands.flatMap(values).joined(separator: "\n"))
            *) ;;
            esac
        }

        \(function)() {
            local subcommands flags options repeatable places values
            local command=\(program) isNaming=1 isHelp='' isTerminated='' used=' ' value='' word index
            local current=${COMP_WORDS[COMP_CWORD]}
            COMPREPLY=()
            \(function)_command "$command"
            for ((index = 1; index < COMP_CWORD; index++)); do
                word=${COMP_WORDS[index]}
                # bash takes --option=value apart.
                if [[ $word == = ]]; then continue; fi
                if [[ -n $value ]]; then
                    value=''
                elif [[ -n $isTerminated ]]; then
                    :
                elif [[ $word == -- ]]; then
                    isTerminated=1
                elif [[ $word == -* ]]; then
                    isNaming=''
                    used+="$word "
                    if [[ " $options " == *" $word "* ]]; then value=$word; fi
                elif [[ $index == 1 && $word == help && " $subcommands " == *" help "* ]]; then
                    # Behind it stand the names of commands, and nothing else.
                    isHelp=1
                elif [[ -n $isNaming && " $subcommands " == *" $word "* ]]; then
                    command+=" $word"
                    \(function)_command "$command"
                else
                    isNaming=''
                fi
            done
            if [[ $current == = ]]; then current=''; fi

            if [[ -n $isHelp ]]; then flags='' options='' places=''; fi
            if [[ -n $value ]]; then
                \(function)_values "$command $value"
                # Without any the shell offers files.
                if [[ -n $values ]]; then
                    compopt +o default
                    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
                fi
                return
            fi
            if [[ $current == -* && -z $isTerminated ]]; then
                local offered=''
                for word in $flags $options; do
                    if [[ $used != *" $word "* || " $repeatable " == *" $word "* ]]; then offered+="$word "; fi
                done
                compopt +o default
                mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
                return
            fi
            if [[ -n $isNaming && -n $subcommands ]]; then
                compopt +o default
                mapfile -t COMPREPLY < <(compgen -W "$subcommands" -- "$current")
            elif [[ -z $places ]]; then
                compopt +o default
            fi
        }

        complete -o default -F \(function) \(program)

        """
    }

    private var function: String { "_" + program.replacing("-", with: "_") }

    private func entry(_ command: CompletedCommand) -> String {
        func list(_ name: String, _ words: [String]) -> String {
            words.isEmpty ? "" : " \(name)=\(quoted(words.joined(separator: " ")))"
        }
        let builtIn = BuiltIn.options(of: command.path).flatMap(\.names)
        let callable = command.path.command is HelpCommand.Type ? [] : command.path.callable
        return "    \(quoted(command.path.text)))"
            + list("subcommands", callable.map { $0.command.name })
            + list("flags", command.options.filter { $0.form == .flag }.map(\.typed) + builtIn)
            + list("options", command.options.filter { $0.form == .option }.map(\.typed))
            + list("repeatable", command.options.filter(\.isRepeating).map(\.typed))
            + list("places", command.positionals.map(\.valueName)) + " ;;"
    }

    private func values(_ command: CompletedCommand) -> [String] {
        command.options.filter { !$0.allValues.isEmpty }.map {
            "    \(quoted("\(command.path.text) \($0.typed)"))) values=\(quoted($0.allValues.joined(separator: " "))) ;;"
        }
    }
}
