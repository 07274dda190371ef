/// Sets a command's arguments from the words after its name.
struct Filling {
    private let path: CommandPath
    private let command: any ParsableCommand
    private let declarations: [Declaration]

    init(_ path: CommandPath, _ command: any ParsableCommand) {
        (self.path, self.command, declarations) = (path, command, command.declarations)
    }

    /// - Throws: ``UsageError`` for the first fault: an invalid value, a missing argument, an unknown or surplus word.
    func fill(_ words: ArraySlice<Word>) throws(UsageError) {
        var (values, unknown) = ([String](), [String]())
        var rest = words
        while let word = rest.popFirst() {
            switch word {
            case .terminator: continue
            case .value(let text): values.append(text)
            case .option(let name, let attached):
                if let declaration = declarations.first(where: { $0.form != .positional && $0.typed == name }) {
                    try take(declaration, attached, &rest)
                } else {
                    unknown.append(name)
                }
            }
        }
        let surplus = try place(values)
        let advice = unknown.first.flatMap(advice)
        // With a mistyped name, its argument is missing: the name is the error.
        if advice == nil { try expectRequired() }
        if let name = unknown.first { throw UsageError("Unknown option '\(name)'\(advice ?? "")", at: path) }
        guard surplus.isEmpty else { throw Self.unexpected(surplus, nil, at: path) }
    }

    static func unexpected(_ values: [String], _ meant: String?, at path: CommandPath) -> UsageError {
        let list = values.map { "'\($0)'" }.joined(separator: ", ")
        let subject = values.count == 1 ? "Unexpected argument" : "\(values.count) unexpected arguments:"
        return UsageError("\(subject) \(list)\(Suggestion.sentence(meant))", at: path)
    }

    private func take(
        _ declaration: Declaration, _ attached: String?, _ rest: inout ArraySlice<Word>
    ) throws(UsageError) {
        if declaration.form == .flag {
            if let attached {
                throw UsageError(
                    "The option '\(declaration.typed)' does not take any value, but '\(attached)' was specified.",
                    at: path)
            }
            return try read(declaration, "")
        }
        var words: [String] = []
        if let attached, !attached.isEmpty { words.append(attached) }
        while attached == nil && words.isEmpty || declaration.strategy == .upToNextOption,
            let value = rest.first?.value
        {
            words.append(value)
            rest = rest.dropFirst()
        }
        guard !words.isEmpty else {
            throw UsageError("Missing value for '\(declaration.label)'", about: declaration, at: path)
        }
        for word in words { try read(declaration, word) }
    }

    /// - Returns: the surplus values.
    private func place(_ values: [String]) throws(UsageError) -> [String] {
        var rest = values[...]
        for declaration in declarations where declaration.form == .positional {
            while let value = rest.first {
                try read(declaration, value)
                rest = rest.dropFirst()
                if !declaration.isRepeating { break }
            }
        }
        return Array(rest)
    }

    private func read(_ declaration: Declaration, _ word: String) throws(UsageError) {
        do { try declaration.take(word) } catch {
            let reason = (error as? UnreadableValue)?.reason ?? ""
            throw UsageError(
                "The value '\(word)' is invalid for '\(declaration.label)'\(reason)", about: declaration, at: path)
        }
    }

    private func expectRequired() throws(UsageError) {
        for declaration in declarations where declaration.isMissing {
            throw UsageError("Missing expected argument '\(declaration.demand)'", about: declaration, at: path)
        }
    }

    /// The end of the sentence about an unknown option; nil without a similar one.
    private func advice(_ name: String) -> String? {
        for arguments in command.validated {
            if let advice = arguments.advice(onUnknown: name) { return ". \(advice)" }
        }
        let known = declarations.filter { $0.form != .positional }.map(\.typed)
        return Suggestion.nearest(to: name, among: known + ["--help", "--version"]).map { Suggestion.sentence($0) }
    }
}
