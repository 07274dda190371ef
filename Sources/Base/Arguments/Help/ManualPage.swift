/// The manual page of a program, for `man`: every command with its arguments, in the form of man(7).
struct ManualPage {
    private let root: CommandPath

    init(_ root: CommandPath) { self.root = root }

    var text: String {
        let configuration = root.configuration
        let name = root.text
        var lines = [
            #".\" Made by: \#(name) --generate-manual"#,
            ".TH \(name.uppercased()) 1 \"\" \"\(name) \(root.version ?? "")\" \"User Commands\"",
            // No hyphens in names, and no stretched lines.
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

    /// - Parameter seen: groups of options that a command before has explained.
    private func command(_ path: CommandPath, _ seen: inout [ObjectIdentifier: CommandPath]) -> [String] {
        let configuration = path.configuration
        var lines = [".SS \(escaped(path.text))", synopsis(path)]
        lines += paragraphs([configuration.abstract, configuration.discussion])
        if let standard = path.standard {
            lines += [".PP", "Without the name of a command it does what \(bold(standard.text)) does."]
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
        let line = Usage(path).line.dropFirst(path.text.count)
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

    /// Line ends within a paragraph stay.
    private func lines(_ text: String) -> [String] {
        let parts = text.split(separator: "\n").map { line in
            line.split(separator: " ").map { breakable(escaped(String($0))) }.joined(separator: " ")
        }
        return Array(parts.map { [$0] }.joined(separator: [".br"]))
    }

    /// With places where a word that is longer than a line, such as a URI, may be broken.
    private func breakable(_ word: String) -> String {
        word.count < 60
            ? word
            : word.reduce(into: "") { text, letter in text += "/?;&".contains(letter) ? "\(letter)\\:" : "\(letter)" }
    }

    /// As the part after the dash, which man's index has: without a full stop and a capital.
    private func phrase(_ sentence: String) -> String {
        let text = sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence
        return escaped(text.prefix(1).lowercased() + text.dropFirst())
    }

    private func bold(_ text: String) -> String { "\\fB\(escaped(text))\\fR" }

    /// Dashes are those of a command line, and no line begins with a request.
    private func escaped(_ text: String) -> String {
        let plain = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
        return plain.hasPrefix(".") || plain.hasPrefix("'") ? "\\&" + plain : plain
    }
}
