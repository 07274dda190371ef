import Administration
import Arguments
import Broker
import Bytes
import Evidence
import FoundationEssentials
import Installation
import Server

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify and export the audit trail.", discussion: Target.explanation,
        subcommands: [Verify.self, Export.self, MakeCheckpoint.self, Accept.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find any edit, deletion, insertion or truncation of the trail.",
            discussion: """
                Every record's hash is computed again, and the trail is compared with signed checkpoints: those in the \
                server's own file, and those kept elsewhere, out of an attacker's reach. Exits with 1 if the trail was \
                changed or the server's own checkpoints are missing, and with 2 if a named file holds no checkpoint.
                """)

        @OptionGroup var target: Target
        @Option(help: "A file with checkpoints. May be repeated (default: the data folder's).")
        var checkpoints: [String] = []
        @Option(help: "The key that signs checkpoints, 64 hex digits (default: the key that the server states).")
        var publicKey: String?

        func run() async throws {
            let kept = checkpoints.map { CheckpointFile(URL(filePath: $0)) }
            let key = try publicKey.map(Self.decode)
            let verdict =
                if target.isLocal {
                    try await target.openFolder {
                        try await TrailVerification(
                            kept: kept, publicKey: key, source: $0.administrator, folder: $0
                        ).run()
                    }
                } else {
                    try await target.open {
                        try await TrailVerification(kept: kept, publicKey: key, source: $0).run()
                    }
                }
            switch verdict {
            case .intact(let records, let confirmed, let key):
                print("The trail is intact: \(records) records, \(confirmed) checkpoints confirmed (key \(key)).")
                if confirmed == 0 {
                    print("Without a checkpoint a trail that was rewritten or cut as a whole cannot be told.")
                }
            case .broken(let problem):
                print(Terminal.paint("The trail is not what it was.", .red))
                print(problem)
                throw ExitCode(1)
            }
        }

        private static func decode(_ text: String) throws -> [UInt8] {
            guard let key = Hex.decode(text), key.count == 32 else {
                throw ValidationError("--public-key has 64 hex digits")
            }
            return key
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the trail as JSON lines: sequence, record, hash.")

        @OptionGroup var target: Target
        @Option(help: "Only records after this one.") var after: Int64 = 0
        @Flag(help: "Print only the records, without sequence numbers and hashes.") var records = false

        func run() async throws {
            try await target.open { administrator in
                var next: Int64? = after
                while let start = next { next = try await page(administrator, after: start) }
            }
        }

        /// Writes a page of records. Not inlined: the optimiser of Swift 6.3 crashes on the inlined loop.
        ///
        /// - Returns: the last record's sequence number; `nil` at the end of the trail.
        @inline(never)
        private func page(_ administrator: Administrator, after sequence: Int64) async throws -> Int64? {
            let entries = try await administrator.auditRecords(after: sequence, limit: 1_000)
            let lines = entries.map { (records ? $0.record : $0.exportLine) + "\n" }
            // Not `print`: this throws if the reader has gone, which ends the export.
            if !lines.isEmpty { try Output.write(Array(lines.joined().utf8)) }
            return entries.last?.sequence
        }
    }

    struct MakeCheckpoint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "checkpoint",
            abstract: "Print a signed checkpoint of the trail's present state, to keep elsewhere.")

        @OptionGroup var target: Target

        func run() async throws { print(try await target.open { try await $0.checkpoint() }.line) }
    }

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept the trail's present state, though it contradicts its checkpoints.",
            discussion: """
                For an older database that was put back by hand, or lost checkpoints. The file of checkpoints is \
                renamed, a new one begins with the trail's present state, and the trail records this action. Restart a \
                server that runs on the folder. It works on the data folder only, not with --url.
                """)

        @OptionGroup var target: Target

        func run() async throws {
            // Otherwise another trail than the named server's would be accepted.
            guard target.url == nil else {
                throw ValidationError("accept works on the server's data folder: name it with --data, on its machine")
            }
            let accepted = try await target.openFolder { try await Trail($0.folder, $0.settings).accept() }
            print("The trail is accepted up to record \(accepted.head.sequence).")
        }
    }
}
