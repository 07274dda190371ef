import Bytes
import Administration
import Arguments
import Broker
import Evidence
import FoundationEssentials
import Installation

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Verify and export the audit trail.", discussion: Target.explanation,
        subcommands: [Verify.self, Export.self, MakeCheckpoint.self, Accept.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find any edit, deletion, insertion or truncation of the trail.",
            discussion: """
                Every record's hash is computed again, and the trail is compared with signed checkpoints: the server's own \
                file, and any that were kept elsewhere, which is where an attacker cannot reach them. Exits with 1 when \
                the trail is not what it was.
                """)

        @OptionGroup var target: Target
        @Option(help: "A file with checkpoints. May be repeated (default: the data folder's).")
        var checkpoints: [String] = []
        @Option(help: "The key that signs checkpoints, 64 hex digits (default: the one of the server that is asked).")
        var publicKey: String?

        func run() async throws {
            let files = try checkpoints.isEmpty ? ownFile() : checkpoints.map { CheckpointFile(URL(filePath: $0)) }
            let verdict = try await target.open { administrator in
                try await TrailVerification(
                    files: files, publicKey: try publicKey.map(Self.decode), source: administrator
                ).run()
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

        private func ownFile() throws -> [CheckpointFile] {
            guard target.isLocal else { return [] }
            let file = try target.settings().checkpoints
            return [file]
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
        @Option(help: "Begin after this record.") var after: Int64 = 0
        @Flag(help: "Print the records alone, for reading and for other tools.") var records = false

        func run() async throws {
            try await target.open { administrator in
                var next: Int64? = after
                while let start = next { next = try await page(administrator, after: start) }
            }
        }

        /// Writes a page of records. It is not inlined: the optimiser of Swift 6.3 crashes on the loop with it inside.
        ///
        /// - Returns: the last record's sequence number; `nil` at the end of the trail.
        @inline(never)
        private func page(_ administrator: Administrator, after sequence: Int64) async throws -> Int64? {
            let entries = try await administrator.auditRecords(after: sequence, limit: 1_000)
            let lines = entries.map { (records ? $0.record : $0.exportLine) + "\n" }
            // Not `print`: when the reader is gone, the rest need not be asked for.
            if !lines.isEmpty { try Output.write(Array(lines.joined().utf8)) }
            return entries.last?.sequence
        }
    }

    struct MakeCheckpoint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "checkpoint",
            abstract: "Print a signed checkpoint of the trail as it is now, to be kept elsewhere.")

        @OptionGroup var target: Target

        func run() async throws { print(try await target.open { try await $0.checkpoint() }.line) }
    }

    struct Accept: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say that the trail is as it should be, though it does not agree with its checkpoints.",
            discussion: """
                After an older database was put back by hand, or the checkpoints were lost. The file of checkpoints is \
                put aside, a new one begins with the trail as it is, and the trail says that you did this. A server \
                that runs on the folder must be started again.
                """)

        @OptionGroup var target: Target

        func run() async throws {
            let accepted = try await target.openFolder { try await Trail($0.folder, $0.settings).accept() }
            print("The trail is accepted up to record \(accepted.head.sequence).")
        }
    }
}
