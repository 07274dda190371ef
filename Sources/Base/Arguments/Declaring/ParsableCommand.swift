/// Values from the command line, declared as properties: ``Argument``, ``Option``, ``Flag`` and ``OptionGroup``.
///
/// A new value holds the defaults. Parsing makes one, finds the declarations in its mirror, and fills them in.
public protocol ParsableArguments: SendableMetatype {
    init()

    /// Checks the values against each other once each has been read.
    ///
    /// - Throws: ``ValidationError``.
    func validate() throws

    /// What to type in the place of an option that there is not, as a sentence without its full stop.
    ///
    /// - Parameter option: as it was typed, with its dashes.
    /// - Returns: `nil`: the nearest of those that there are is suggested.
    func advice(onUnknown option: String) -> String?
}

extension ParsableArguments {
    public func validate() throws {}
    public func advice(onUnknown option: String) -> String? { nil }
}

/// A command of a program, with its arguments or with commands under it.
public protocol ParsableCommand: ParsableArguments {
    static var configuration: CommandConfiguration { get }

    /// What the command does. Without a body of its own it shows its help.
    func run() throws

    /// The program's status when a command under this one ends with an error. Asked of the program's first command.
    static func exitCode(of error: any Error) -> ExitCode
}

extension ParsableCommand {
    public static var configuration: CommandConfiguration { CommandConfiguration() }

    public func run() throws { throw CleanExit.helpRequest }

    public static func exitCode(of error: any Error) -> ExitCode { .failure }
}

/// A command whose body waits for something.
public protocol AsyncParsableCommand: ParsableCommand {
    func run() async throws
}

extension AsyncParsableCommand {
    public func run() async throws { throw CleanExit.helpRequest }
}

/// How a command is called and explained, and which commands are under it.
public struct CommandConfiguration: Sendable {
    /// As it is typed; otherwise the type's name in lower case, its words joined by `-`.
    public var commandName: String?
    /// One line, for lists of commands.
    public var abstract: String
    /// Paragraphs, for the command's own help.
    public var discussion: String
    /// What `--version` prints, here and in every command below.
    public var version: String
    /// A command with commands under it has no arguments of its own.
    public var subcommands: [any ParsableCommand.Type]
    /// The one of ``subcommands`` that is meant when none is named.
    public var defaultSubcommand: (any ParsableCommand.Type)?
    /// What the program's statuses mean, for its manual.
    public var exitStatuses: [(code: ExitCode, meaning: String)]
    /// Only `help` itself has no `--help`.
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
