/// A command's help: overview, usage, arguments, subcommands.
struct HelpText {
    private let path: CommandPath
    private let width: Int

    /// - Parameter width: in characters.
    init(_ path: CommandPath, width: Int = 80) {
        self.path = path
        self.width = max(width, Self.column + 14)
    }

    /// The column of the explanations.
    private static let column = 26

    var text: String {
        let configuration = path.configuration
        var sections: [[String]] = []
        if !configuration.abstract.isEmpty {
            sections.append("OVERVIEW: \(configuration.abstract)".wrapped(to: width))
        }
        if !configuration.discussion.isEmpty { sections.append(configuration.discussion.wrapped(to: width)) }
        sections.append(["USAGE: \(path.usage)"])
        let declarations = path.declarations
        append(
            "ARGUMENTS", declarations.filter { $0.form == .positional }.map { ($0.label, $0.explanation) }, &sections)
        let options = declarations.filter { $0.form != .positional }.map { ($0.label, $0.explanation) }
        append("OPTIONS", options + BuiltIn.options(of: path).map { ($0.label, $0.abstract) }, &sections)
        append("SUBCOMMANDS", path.subcommands.map { (label($0), $0.configuration.abstract) }, &sections)
        if path.hasSubcommands { sections.append(["  See '\(helpCall)' for detailed help."]) }
        return sections.map { $0.joined(separator: "\n") }.joined(separator: "\n\n")
            + (path.hasSubcommands ? "\n" : "\n\n")
    }

    private var helpCall: String {
        let names = path.names
        return ([names[0], "help"] + names.dropFirst() + ["<subcommand>"]).joined(separator: " ")
    }

    private func label(_ subcommand: CommandPath) -> String {
        let isDefault = path.configuration.defaultSubcommand.map { $0 == subcommand.command } ?? false
        return subcommand.command.name + (isDefault ? " (default)" : "")
    }

    private func append(_ title: String, _ rows: [(label: String, text: String)], _ sections: inout [[String]]) {
        guard !rows.isEmpty else { return }
        sections.append(["\(title):"] + rows.flatMap { row($0.label, $0.text) })
    }

    private func row(_ label: String, _ text: String) -> [String] {
        let label = "  " + label
        let blank = String(repeating: " ", count: Self.column)
        guard !text.isEmpty else { return [label] }
        var lines = text.wrapped(to: width - Self.column).map { blank + $0 }
        guard label.count < Self.column else { return [label] + lines }
        lines[0] = label + lines[0].dropFirst(label.count)
        return lines
    }
}

extension Declaration {
    /// The abstract, the valid values and the default.
    var explanation: String {
        var notes: [String] = []
        if !allValues.isEmpty { notes.append("values: \(allValues.joined(separator: ", "))") }
        if let defaultText { notes.append("default: \(defaultText)") }
        let note = notes.isEmpty ? "" : "(\(notes.joined(separator: "; ")))"
        return [abstract, note].filter { !$0.isEmpty }.joined(separator: " ")
    }
}

/// An option that every command has.
struct BuiltIn {
    /// With dashes, the short one first.
    let names: [String]
    let abstract: String

    var label: String { names.joined(separator: ", ") }

    static func options(of path: CommandPath) -> [BuiltIn] {
        let version = BuiltIn(names: ["--version"], abstract: "Show the version.")
        let help = BuiltIn(names: ["-h", "--help"], abstract: "Show help information.")
        return (path.version == nil ? [] : [version]) + (path.configuration.hasHelpFlag ? [help] : [])
    }
}
