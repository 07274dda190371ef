/// A command's exit status and final output.
public struct Ending: Hashable, Sendable {
    public var status: Int32
    /// Text for standard output: help, a version, a script.
    public var output: String
    /// Text for standard error.
    public var errors: String

    public init(status: Int32 = 0, output: String = "", errors: String = "") {
        (self.status, self.output, self.errors) = (status, output, errors)
    }
}

extension ParsableCommand {
    /// Parses the arguments and runs the command. Errors become sentences, usage errors with the command's usage.
    ///
    /// - Parameter width: of help, in characters.
    public static func ending(of arguments: [String], width: Int = 80) async -> Ending {
        let request: Request
        do { request = try Parser(Self.self).parse(arguments) } catch {
            return Ending(status: ExitCode.validationFailure.rawValue, errors: error.text)
        }
        switch request {
        case .help(let path): return Ending(output: HelpText(path, width: width).text)
        case .version(let version): return Ending(output: version + "\n")
        case .run(let command, let path):
            do {
                if let command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return Ending()
            } catch {
                return ending(error, at: path, width: width)
            }
        case .completions(let shell, let path): return completions(shell, path)
        case .manual(let path): return Ending(output: ManualPage(path).text)
        }
    }

    private static func ending(_ error: any Error, at path: CommandPath, width: Int) -> Ending {
        switch error {
        case let code as ExitCode: Ending(status: code.rawValue)
        case CleanExit.helpRequest: Ending(output: HelpText(path, width: width).text)
        case let error as ValidationError:
            Ending(status: ExitCode.validationFailure.rawValue, errors: UsageError(error.message, at: path).text)
        default: Ending(status: exitCode(of: error).rawValue, errors: "Error: \(error)\n")
        }
    }

    private static func completions(_ name: String?, _ root: CommandPath) -> Ending {
        let name = name.flatMap { $0.isEmpty ? nil : $0 } ?? Shell.ofUser
        guard let shell = Shell(rawValue: name) else {
            let message = """
                Can't generate completion scripts for '\(name)'.
                Please use --generate-completion-script=<shell> with one of:
                    \(Shell.allCases.map(\.rawValue).joined(separator: " "))
                """
            return Ending(
                status: ExitCode.validationFailure.rawValue, errors: UsageError(message, at: root).text)
        }
        return Ending(output: shell.script(for: root))
    }

    /// Parses the arguments without running the command.
    ///
    /// - Throws: an error with the description that is shown to users.
    public static func parseAsRoot(_ arguments: [String]) throws -> any ParsableCommand {
        switch try Parser(Self.self).parse(arguments) {
        case .run(let command, _): command
        default: throw CleanExit.helpRequest
        }
    }

    /// The help of the command that the leading names name.
    public static func helpMessage(for names: [String] = [], width: Int = 80) -> String {
        var path = CommandPath(root: Self.self)
        for name in names { path = path.next(name) ?? path }
        return HelpText(path, width: width).text
    }
}

extension UsageError: CustomStringConvertible {
    var description: String { text }
}
