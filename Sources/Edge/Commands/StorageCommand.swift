import Bytes
import Arguments
import Evidence
import Installation
import Storage

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Make or bring up to date the schema of the database of storage.url.",
        discussion: """
            A server does so by itself when it starts, unless storage.migrate is false: then the servers' role needs no \
            right to change tables. Any number may run at once. Servers of the version before go on meanwhile.
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        try await StorageCommands.migrate(try options.resolve().settings)
        print("The schema is up to date.")
    }
}

struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Move everything from one database to another, and vouch for what is in one.",
        subcommands: [Copy.self, Accept.self])

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Believe policies, reference values, tokens, workloads and resources as they are in the database.",
            discussion: """
                Servers refuse what somebody has written to the database past them. This command names it; with --yes it \
                is believed from then on, and the trail says so. Look at each first: whoever wrote it may be who should \
                get nothing. Servers that are at work are to be restarted.
                """)

        @OptionGroup var options: SettingsOptions
        @Flag(help: "Believe what was found.") var yes = false

        func run() async throws {
            let found = try await StorageCommands.accept(try options.resolve().settings, isSure: yes)
            guard !found.isEmpty else { return print("Everything that decides is as a key broker left it.") }
            for violation in found { print(violation) }
            print(yes ? "It is believed from now on. Restart the servers." : "To believe it nonetheless: --yes.")
        }
    }

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy everything into an empty database, of either kind, and compare the two.",
            discussion: """
                A place is a data folder or a postgres:// URL; the password comes from storage.password_file. Ids, \
                sealed secrets and the trail stay as they are. The master key and the file of checkpoints are not in a \
                database: take them along. Servers must be stopped, or with --snapshot what they do from then on is not \
                in the copy.
                """)

        @OptionGroup var options: SettingsOptions
        @Option(help: ArgumentHelp("What to copy.", valueName: "place")) var from: String
        @Option(help: ArgumentHelp("An empty database, or a new folder.", valueName: "place")) var to: String
        @Flag(help: "Copy from PostgreSQL as it is at one moment, while servers work on it.") var snapshot = false

        func run() async throws {
            let settings = try options.resolve().settings
            let outcome = try await StorageCommands.copy(
                from: StorageCommands.Location(from, settings), to: StorageCommands.Location(to, settings),
                isSnapshot: snapshot)
            for table in outcome.tables {
                print("\(table.table.padding(to: 17))  \("\(table.rows)".padding(to: 10))  \(Hex.encode(table.hash))")
            }
            print("Read again and compared: number and SHA-256 of each table's rows are the same.")
            print("Take the master key along: without it no secret can be read.")
        }
    }
}
