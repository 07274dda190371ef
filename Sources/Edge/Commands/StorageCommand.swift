import Arguments
import Bytes
import Evidence
import Installation
import Storage

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Create the schema of the database of storage.url, or bring it up to date.",
        discussion: """
            A server does this when it starts, unless storage.migrate is false: then the servers' role needs no right \
            to change tables. Several may run at once. Servers of the previous version continue meanwhile.
            """)

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        try await StorageCommands.migrate(try options.resolve().settings)
        print("The schema is up to date.")
    }
}

struct StorageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage", abstract: "Copy a database to another, and accept changed rows.",
        subcommands: [Copy.self, Accept.self])

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Accept policies, reference values, tokens, workloads and resources as they are in the database.",
            discussion: """
                Servers refuse rows that were changed without them. This command lists such rows; with --yes they are \
                accepted from then on, and the trail records it. Examine each first: an attacker may have written it. \
                Restart running servers.
                """)

        @OptionGroup var options: SettingsOptions
        @Flag(help: "Accept the listed rows.") var yes = false

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
                A database is a data folder or a postgres:// URL; the password comes from storage.password_file. Ids, \
                sealed secrets and the trail are copied unchanged. Copy the master key and the file of checkpoints \
                yourself. Stop the servers first; with --snapshot they may run, and later changes are not in the copy.
                """)

        @OptionGroup var options: SettingsOptions
        @Option(help: ArgumentHelp("The database to copy.", valueName: "database")) var from: String
        @Option(help: ArgumentHelp("An empty database, or a new folder.", valueName: "database")) var to: String
        @Flag(help: "Copy one moment of a PostgreSQL database, while servers use it.") var snapshot = false

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
