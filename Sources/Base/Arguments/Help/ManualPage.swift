/// A program's manual page, with every command and its arguments, in the format man(7).
struct ManualPage {
    private let root: CommandPath

    init(_ root: CommandPath) { self.root = root }

    var text: String {
        let configuration = root.configuration
        let name = root.text
        var lines = [
            #".\" Made by: \#(name) --generate-manual"#,
            ".TH \(name.uppercased()) 1 \"\" \"\(name) \(root.version ?? "")\" \"User Commands\"",
            // Without hyphenation and justification.
            ".nh",
            ".ad l",
            ".SH NAME",
            "\(escaped(name)) \\- \(phrase(configuration.abstract))",
            ".SH SYNOPSIS",
            synopsis(root),
            ".SH DESCRIPTION",
        ]
        lines += paragraphs([configuration.abstract, configuration.discussion])
        lines += [".SH OPTIONS", "Every command takes these."]
        lines += BuiltIn.options(of: root).flatMap { tagged($0.names.map(bold).joined(separator: ", "), $0.abstract) }
        if !configuration.exitStatuses.isEmpty { lines.append(".SH EXIT STATUS") }
        for (code, meaning) in configuration.exitStatuses { lines += tagged(bold("\(code.rawValue)"), meaning) }
        lines.append(".SH COMMANDS")
        var seen: [ObjectIdentifier: CommandPath] = [:]
        for path in root.subcommands.flatMap(\.all) {
            lines += command(path, &seen)
        }
        return lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    /// - Parameter seen: the option groups that were explained, with their commands.
    private func command(_ path: CommandPath, _ seen: inout [ObjectIdentifier: CommandPath]) -> [String] {
        let configuration = path.configuration
        var lines = [".SS \(escaped(path.text))", synopsis(path)]
        lines += paragraphs([configuration.abstract, configuration.discussion])
        if let command = path.defaultSubcommand {
            lines += [".PP", "Without the name of a command it does what \(bold(command.text)) does."]
        }
        var explainedElsewhere: [(options: [String], path: CommandPath)] = []
        for declaration in path.declarations {
            if let group = declaration.group {
                if let place = seen[group], place.text != path.text {
                    if explainedElsewhere.last?.path.text == place.text {
                        explainedElsewhere[explainedElsewhere.count - 1].options.append(declaration.typed)
                    } else {
                        explainedElsewhere.append(([declaration.typed], place))
                    }
                    continue
                }
                seen[group] = path
            }
            lines += tagged(tag(declaration), declaration.explanation)
        }
        for (options, place) in explainedElsewhere {
            lines += [
                ".PP",
                "It also takes \(options.map(bold).joined(separator: ", ")), as \(bold(place.text)) does: see there.",
            ]
        }
        return lines
    }

    private func synopsis(_ path: CommandPath) -> String {
        let line = path.usage.dropFirst(path.text.count)
        return "\(bold(path.text))\(escaped(String(line)))"
    }

    private func tag(_ declaration: Declaration) -> String {
        let value = "\\fI\(escaped(declaration.valueName.replacing("> <", with: " ")))\\fR"
        return switch declaration.form {
        case .positional: value
        case .flag: bold(declaration.typed)
        case .option: "\(bold(declaration.typed)) \(value)"
        }
    }

    private func tagged(_ tag: String, _ text: String) -> [String] {
        [".TP", tag] + lines(text)
    }

    private func paragraphs(_ texts: [String]) -> [String] {
        texts.filter { !$0.isEmpty }.flatMap { $0.split(separator: "\n\n") }.flatMap { [".PP"] + lines(String($0)) }
    }

    /// Keeps line ends within a paragraph.
    private func lines(_ text: String) -> [String] {
        let parts = text.split(separator: "\n").map { line in
            line.split(separator: " ").map { breakable(escaped(String($0))) }.joined(separator: " ")
        }
        return Array(parts.map { [$0] }.joined(separator: [".br"]))
    }

    /// Allows line breaks in a long word, such as a URI.
    private func breakable(_ word: String) -> String {
        word.count < 60
            ? word
            : word.reduce(into: "") { text, letter in text += "/?;&".contains(letter) ? "\(letter)\\:" : "\(letter)" }
    }

    /// For man's index: without a full stop and an initial capital.
    private func phrase(_ sentence: String) -> String {
        let text = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return escaped(text.prefix(1).lowercased() + text.dropFirst())
    }

    private func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// With literal dashes, and without requests at the line's beginning.
    private func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
