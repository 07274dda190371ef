/// Arguments of the command line, declared as properties: ``Argument``, ``Option``, ``Flag`` and ``OptionGroup``.
///
/// A new value holds the defaults. Parsing makes one, finds the declarations by its mirror, and sets their values.
public protocol ParsableArguments: SendableMetatype {
    init()

    /// Checks the parsed values against each other.
    ///
    /// - Throws: ``ValidationError``.
    func validate() throws

    /// The replacement of an unknown option, as a sentence without its full stop.
    ///
    /// - Parameter option: with its dashes.
    /// - Returns: nil to suggest the nearest option.
    func advice(onUnknown option: String) -> String?
}

extension ParsableArguments {
    public func validate() throws {}
    public func advice(onUnknown option: String) -> String? { nil }
}

/// A command of a program, with arguments or subcommands.
public protocol ParsableCommand: ParsableArguments {
    static var configuration: CommandConfiguration { get }

    /// Runs the command. By default it shows its help.
    func run() throws

    /// The program's status for an error of any subcommand; called on the root command.
    static func exitCode(of error: any Error) -> ExitCode
}

extension ParsableCommand {
    public static var configuration: CommandConfiguration { CommandConfiguration() }

    public func run() throws { throw CleanExit.helpRequest }

    public static func exitCode(of error: any Error) -> ExitCode { .failure }
}

/// A command with an asynchronous body.
public protocol AsyncParsableCommand: ParsableCommand {
    func run() async throws
}

extension AsyncParsableCommand {
    public func run() async throws { throw CleanExit.helpRequest }
}

/// A command's name, help and subcommands.
public struct CommandConfiguration: Sendable {
    /// By default the type's name in kebab case.
    public var commandName: String?
    /// One line, for lists of commands.
    public var abstract: String
    /// Paragraphs, for the command's own help.
    public var discussion: String
    /// The output of `--version`, also of subcommands.
    public var version: String
    /// A command with subcommands has no arguments of its own.
    public var subcommands: [any ParsableCommand.Type]
    /// The one of ``subcommands`` that runs when none is named.
    public var defaultSubcommand: (any ParsableCommand.Type)?
    /// The program's exit statuses, for its manual.
    public var exitStatuses: [(code: ExitCode, meaning: String)]
    /// False for `help` only.
    var hasHelpFlag = true

    public init(
        commandName: String? = nil, abstract: String = "", discussion: String = "", version: String = "",
        subcommands: [any ParsableCommand.Type] = [], defaultSubcommand: (any ParsableCommand.Type)? = nil,
        exitStatuses: [(code: ExitCode, meaning: String)] = []
    ) {
        self.commandName = commandName
        self.abstract = abstract
        self.discussion = discussion
        self.version = version
        self.subcommands = subcommands
        self.defaultSubcommand = defaultSubcommand
        self.exitStatuses = exitStatuses
    }
}

extension ParsableCommand {
    static var name: String { configuration.commandName ?? kebabCase(String(describing: Self.self)) }
}

/// `rsaBits` as `rsa-bits`, `SelfSigned` as `self-signed`, `SNP` as `snp`.
func kebabCase(_ name: String) -> String {
    let letters = Array(name)
    var words = ""
    for (index, letter) in letters.enumerated() {
        let endsWord =
            index > 0 && letter.isUppercase
            && (!letters[index - 1].isUppercase || index + 1 < letters.count && letters[index + 1].isLowercase)
        words += (endsWord ? "-" : "") + letter.lowercased()
    }
    return words
}
