import Arguments
import FoundationEssentials
import Installation
import Storage

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy the database into one file, while the server serves.",
        discussion: """
            The copy is of one moment, checked, and readable by you only. It never holds the master key: keep that \
            elsewhere, because the two together reveal every secret.
            """)

    @OptionGroup var options: SettingsOptions
    @Argument(help: "The file to write.") var file: String
    @Flag(help: "Replace an existing file, but none of the installation's own.") var force = false

    func run() async throws {
        let settings = try options.resolve().settings
        try settings.needDatabaseFile("back up PostgreSQL with its own tools, or kbs storage copy it into a folder")
        let outcome = try await Backup.write(settings, to: URL(filePath: file), replacing: force)
        print("Wrote \(file), \(outcome.size) bytes, and checked it.")
        print(outcome.summary.lines)
        print("The master key is not in it. Keep it elsewhere: without it no secret can be read.")
        if let warning = outcome.warning { tell(warning) }
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Make a data folder from a backup.",
        discussion: """
            Stop the server first, and give its settings. Put the master key into the folder as master.key, or name it \
            with --keys-master: the backup is checked, and every secret in it must open.
            """)

    @OptionGroup var options: SettingsOptions
    @Argument(help: "The backup.") var file: String
    @Flag(help: "Restore into a folder with a database, which is kept beside the new one.") var force = false

    func run() async throws {
        let settings = try options.resolve().settings
        try settings.needDatabaseFile("restore into a folder, and kbs storage copy that to PostgreSQL")
        let outcome = try await Restore.run(URL(filePath: file), settings, replacing: force)
        print("Restored \(file) into \(settings.dataFolder.path(percentEncoded: false)). Every secret in it opens.")
        print(outcome.summary.lines)
        print("master keys given  \(outcome.keys.joined(separator: ", "))")
        if let before = outcome.before {
            print("The database that was there is \(before.path(percentEncoded: false)).")
        }
    }
}

extension DatabaseSummary {
    fileprivate var lines: String {
        var lines: [String] = []
        for (table, count) in counts.sorted(by: { $0.key < $1.key }) {
            lines.append(table.padding(to: 19) + "\(count)")
        }
        for (id, count) in masterKeys.sorted(by: { $0.key < $1.key }) {
            lines.append("master key         \(id), of \(count) rows")
        }
        return lines.joined(separator: "\n")
    }
}
