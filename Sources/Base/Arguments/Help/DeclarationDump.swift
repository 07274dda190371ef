/// A command and those below it in JSON, for programs: swift-argument-parser's dump, version 0, whose tools read it.
struct DeclarationDump {
    private let path: CommandPath

    init(_ path: CommandPath) { self.path = path }

    var text: String {
        Value.object(["command": command(path), "serializationVersion": .number(0)]).text() + "\n"
    }

    private func command(_ path: CommandPath) -> Value {
        var members: [String: Value] = [
            "commandName": .text(path.command.name), "shouldDisplay": .bool(true),
        ]
        let configuration = path.configuration
        if !configuration.abstract.isEmpty { members["abstract"] = .text(configuration.abstract) }
        if !configuration.discussion.isEmpty { members["discussion"] = .text(configuration.discussion) }
        let hidden = path.configuration.hasHelpFlag ? [] : [BuiltIn.hiddenHelp]
        let builtIn = BuiltIn.options(of: path).map { argument($0) }
        let arguments = path.declarations.map { argument($0) } + hidden.map { argument($0) } + builtIn
        if !arguments.isEmpty { members["arguments"] = .list(arguments) }
        if path.leadsOn { members["subcommands"] = .list(path.callable.map { command($0) }) }
        let above = path.names.dropLast()
        if !above.isEmpty { members["superCommands"] = .list(above.map { .text($0) }) }
        return .object(members)
    }

    private func argument(_ declaration: Declaration) -> Value {
        var members: [String: Value] = [
            "isOptional": .bool(!declaration.isRequired), "isRepeating": .bool(declaration.isRepeating),
            "parsingStrategy": .text(declaration.strategy == .upToNextOption ? "upToNextOption" : "default"),
            "shouldDisplay": .bool(true), "valueName": .text(declaration.valueName),
        ]
        members["kind"] =
            switch declaration.form {
            case .positional: .text("positional")
            case .option: .text("option")
            case .flag: .text("flag")
            }
        if !declaration.abstract.isEmpty { members["abstract"] = .text(declaration.abstract) }
        if let text = declaration.defaultText { members["defaultValue"] = .text(text) }
        if !declaration.allValues.isEmpty {
            let values = Value.list(declaration.allValues.map { .text($0) })
            members["allValues"] = values
            members["completionKind"] = .object(["list": .object(["values": values])])
        }
        if declaration.form != .positional {
            members["names"] = .list([name(declaration.typed)])
            members["preferredName"] = name(declaration.typed)
        }
        return .object(members)
    }

    private func argument(_ option: BuiltIn) -> Value {
        let long = option.names.last { $0.hasPrefix("--") } ?? ""
        var members: [String: Value] = [
            "isOptional": .bool(true), "isRepeating": .bool(false), "kind": .text("flag"),
            "names": .list(option.names.map(name)), "parsingStrategy": .text("default"),
            "preferredName": name(long), "shouldDisplay": .bool(option.isShown),
            "valueName": .text(String(long.dropFirst(2))),
        ]
        if !option.abstract.isEmpty { members["abstract"] = .text(option.abstract) }
        return .object(members)
    }

    private func name(_ typed: String) -> Value {
        let kind = typed.hasPrefix("--") ? "long" : typed.count == 2 ? "short" : "longWithSingleDash"
        return .object(["kind": .text(kind), "name": .text(String(typed.drop { $0 == "-" }))])
    }
}

/// As much of JSON as is written here, with sorted members and two blanks for each step.
private indirect enum Value {
    case text(String)
    case bool(Bool)
    case number(Int)
    case list([Value])
    case object([String: Value])

    func text(_ indent: String = "") -> String {
        let inner = indent + "  "
        switch self {
        case .text(let text): return Self.quoted(text)
        case .bool(let value): return "\(value)"
        case .number(let value): return "\(value)"
        case .list(let values):
            return "[\n" + values.map { inner + $0.text(inner) }.joined(separator: ",\n") + "\n\(indent)]"
        case .object(let members):
            let lines = members.sorted { $0.key < $1.key }
                .map { "\(inner)\(Self.quoted($0.key)) : \($0.value.text(inner))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        }
    }

    private static func quoted(_ text: String) -> String {
        let letters = text.unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\"", "\\", "/": "\\\(scalar)"
            case "\n": "\\n"
            case let control where control.value < 0x20:
                "\\u00" + (control.value < 16 ? "0" : "") + String(control.value, radix: 16)
            default: String(scalar)
            }
        }
        return "\"\(letters.joined())\""
    }
}
