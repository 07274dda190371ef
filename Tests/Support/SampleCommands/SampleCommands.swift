public import Arguments
import Bytes

/// Commands declared as those of `kbs` are, so that their help can be held against what people have on their screens.
public struct Sample: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "A key broker for confidential workloads.",
        discussion: """
            It holds secrets for guests whose memory the host cannot read, and gives each to the guest \
            it was registered for, once hardware has vouched for it.
            """,
        version: "1.2.3",
        subcommands: [Workload.self, Sessions.self, Token.self, Guest.self, Verify.self, Serve.self, Speak.self])

    public init() {}
}

public enum Role: String, CaseIterable, ExpressibleByArgument { case registrar, auditor, admin }

/// `repository/type/tag`.
public struct ResourcePath: Sendable, Hashable {
    public let text: String

    public init(_ text: String) throws {
        guard text.split(separator: "/").count == 3 else { throw Malformed() }
        self.text = text
    }

    public struct Malformed: Error, CustomStringConvertible {
        public let description = "invalid_field: A resource's path has three segments: repository/type/tag."
    }
}

/// `name=value`, of names that are known.
public struct Assignment: ExpressibleByArgument {
    public let name, value: String

    public init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].contains(".") else { return nil }
        (name, value) = (String(parts[0]), String(parts[1]))
    }
}

public struct Place: ParsableArguments {
    @Option(help: "A running server, e.g. https://kbs.example.org:8080 (environment: KBS_URL).")
    public var url: String?
    @Option(help: "A file with the token for it (environment: KBS_TOKEN, with the token itself).")
    public var tokenFile: String?
    @Option(
        help: "A file with the certificate authority or the very certificate of the server, PEM (environment: KBS_CA).")
    public var ca: String?
    @Flag(help: "Talk to a server on another machine without TLS.") public var insecureHttp = false
    @Option(help: ArgumentHelp("Folder for the database and the master key (default kbs-data).", valueName: "folder"))
    public var data: String?
    @Option(help: "A TOML file with settings, for its data folder (environment: KBS_CONFIG).")
    public var config: String?

    public init() {}

    public func validate() throws {
        guard url == nil || data == nil else { throw ValidationError("give --url or --data, not both") }
    }
}

public struct Workload: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "Register, list, show, disable, test and remove workloads.", subcommands: [Add.self, Put.self])

    public init() {}

    public struct Add: AsyncParsableCommand {
        public static let configuration = CommandConfiguration(
            abstract: "Register a workload.",
            discussion: "The secret comes from --secret-file, or from standard input. One line end after it is dropped."
        )

        @OptionGroup public var place: Place
        @Argument(help: "The workload's id.") public var id: String
        @Option(help: "The launch measurement: 96 hex digits for SNP, 64 for SEV and SEV-ES.")
        public var measurement: String
        @Option(help: "The TEE configuration, as JSON.") public var teeConfig = ""
        @Option(help: "A file with the secret; - is standard input.") public var secretFile = "-"
        @Flag(help: "Replace the workload if it is registered.") public var replace = false

        public init() {}

        public func run() async throws {
            // So that tests have this task wait once, as real commands do.
            await Task.yield()
            Output.print("\(id) \(measurement) \(secretFile) \(replace)")
        }
    }

    public struct Put: ParsableCommand {
        @Argument(help: "The resource's path: repository/type/tag.", transform: { try ResourcePath($0) })
        public var path: ResourcePath
        @Argument(help: "A file with the bytes; - is standard input.") public var file = "-"
        @Argument(help: "The version's number.") public var version: Int?

        public init() {}
    }
}

public struct Sessions: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "List and end the sessions of attested guests. Those without a workload get what policies give them.",
        subcommands: [List.self, End.self], defaultSubcommand: List.self)

    public init() {}

    public struct List: AsyncParsableCommand {
        public static let configuration = CommandConfiguration(abstract: "List the sessions.")

        @OptionGroup public var place: Place
        @Option(help: "How many.") public var limit = 20
        @Flag(help: "Print JSON.") public var json = false

        public init() {}

        public func run() async throws { Output.print("\(limit) sessions") }
    }

    public struct End: AsyncParsableCommand {
        public static let configuration = CommandConfiguration(
            abstract: "End one session, all of a workload or a chip, or all. Their guests must attest again.")

        @Argument(help: "The session's id.") public var id: String?
        @Flag(help: "End all that there are.") public var all = false

        public init() {}

        public func run() async throws {
            guard (id == nil) == all else { throw ValidationError("say which: a session's id, or --all alone") }
        }
    }
}

public struct Token: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "Make, list and revoke access tokens.", subcommands: [Create.self])

    public init() {}

    public struct Create: AsyncParsableCommand {
        public static let configuration = CommandConfiguration(
            abstract: "Make a token. It is printed once, and cannot be had again.",
            discussion: """
                registrar adds, replaces and removes workloads; auditor reads workloads, sessions, attempts and the \
                audit trail; admin does everything. It goes with a request as `Authorization: Bearer`, or as the \
                password of HTTP Basic with any user name, which is what Buildah can send.
                """)

        @OptionGroup public var place: Place
        @Option(help: "registrar, auditor or admin.") public var role: Role
        @Option(help: "What it is for.") public var description = ""
        @Option(help: "How long it is good for, e.g. 12h or 30d.") public var expires = "90d"
        @Flag(help: "Print JSON.") public var json = false

        public init() {}
    }
}

public struct Guest: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "Inside a confidential guest: get its secret, or its evidence.", subcommands: [Unlock.self])

    public init() {}

    public struct Unlock: AsyncParsableCommand {
        public static let configuration = CommandConfiguration(
            abstract: "Attest to a broker and receive this workload's secret.")

        @Option(help: "The broker, e.g. https://broker.example:8080.") public var url: String
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Open this LUKS device with the secret.", valueName: "device> <name"))
        public var cryptsetup: [String] = []
        @Option(help: "Bits of the key.") public var rsaBits = 2_048
        @Option(help: "The privilege level (VMPL) for the report, 0 to 3.") public var vmpl: UInt32?

        public init() {}
    }
}

public struct Verify: ParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "Check evidence in files, without a server.", subcommands: [SEV.self])

    public init() {}

    public struct SEV: ParsableCommand {
        public static let configuration = CommandConfiguration(abstract: "Check an SEV platform's certificates.")

        @Flag(help: "Print JSON.") public var json = false
        @Option(help: "A folder of .cert files, or a file. May be repeated.") public var chain: [String]

        public init() {}

        public func run() throws { throw ExitCode(2) }
    }
}

/// More options than usage shows.
public struct Serve: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(abstract: "Run the key broker.")

    @OptionGroup public var place: Place
    @Option(help: "1") public var challengeLifetime: String?
    @Option(help: "2") public var sessionLifetime: String?
    @Option(help: "3") public var logLevel: String?
    @Option(help: "4") public var logFormat: String?
    @Option(help: "5") public var tlsCertificate: String?
    @Option(help: "6") public var tlsKey: String?
    @Option(name: .customLong("set"), help: "Any setting, by its name in the file. May be repeated.")
    public var assignments: [Assignment] = []

    public init() {}
}

/// What a terminal program needs.
public struct Speak: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        abstract: "Ask, and print.", subcommands: [Ask.self, Lines.self, Fail.self])

    public init() {}

    public struct Ask: ParsableCommand {
        public init() {}

        public func run() throws {
            guard let prompt = SecretPrompt.standard() else { throw ValidationError("no terminal") }
            Output.print("got \(try prompt.ask("Secret").count) bytes")
        }
    }

    public struct Lines: ParsableCommand {
        @Argument(help: "How many.") public var count: Int

        public init() {}

        public func run() throws { for number in 0..<count { try Output.write(Array("line \(number)\n".utf8)) } }
    }

    public struct Fail: AsyncParsableCommand {
        struct Failure: Error, CustomStringConvertible { let description = "it is broken" }

        public init() {}

        public func run() async throws { throw Failure() }
    }
}
