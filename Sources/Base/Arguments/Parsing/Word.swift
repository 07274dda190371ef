/// A word of the command line, classified by its form.
enum Word: Hashable {
    case value(String)
    /// The name with its dashes, and the value after `=`.
    case option(String, attached: String?)
    /// `--`: all further words are values.
    case terminator

    /// - Throws: ``UsageError`` for `---`.
    static func words(_ arguments: [String], at path: CommandPath) throws(UsageError) -> [Word] {
        var words: [Word] = []
        var isTerminated = false
        for argument in arguments {
            if isTerminated || argument == "-" || !argument.hasPrefix("-") {
                words.append(.value(argument))
            } else if argument == "--" {
                isTerminated = true
                words.append(.terminator)
            } else if argument.hasPrefix("---") {
                throw UsageError("Invalid option: \(argument)", at: path)
            } else {
                let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                words.append(.option(String(parts[0]), attached: parts.count > 1 ? String(parts[1]) : nil))
            }
        }
        return words
    }

    var value: String? {
        if case .value(let text) = self { text } else { nil }
    }

    var option: String? {
        if case .option(let name, _) = self { name } else { nil }
    }

    /// Whether it is `--help`, or short options with `h`.
    var asksForHelp: Bool {
        switch option {
        case "--help"?, "--help-hidden"?: true
        case let name?: !name.hasPrefix("--") && name.contains("h") && name.dropFirst().allSatisfy(\.isLetter)
        case nil: false
        }
    }
}
