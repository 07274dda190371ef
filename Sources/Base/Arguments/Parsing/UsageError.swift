/// An invalid command line.
struct UsageError: Error {
    let path: CommandPath
    /// A sentence with the word and the reason.
    let message: String
    /// The affected argument.
    let declaration: Declaration?

    init(_ message: String, about declaration: Declaration? = nil, at path: CommandPath) {
        (self.path, self.message, self.declaration) = (path, message, declaration)
    }

    /// With the argument's help and the command's usage.
    var text: String {
        var lines = ["Error: \(message)"]
        if let declaration, !declaration.abstract.isEmpty {
            lines.append("Help:  \(declaration.label)  \(declaration.abstract)")
        }
        lines.append("Usage: \(path.usage)")
        if path.configuration.hasHelpFlag {
            lines.append("  See '\(path.text) --help' for more information.")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
