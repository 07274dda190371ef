import Bytes
import Administration
import Arguments
import Broker
import Endorsements
import Evidence
import FoundationEssentials
import Installation

struct EndorsementsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endorsements",
        abstract: "Keep what vendors state of their hardware, and say which chips and keys are believed no more.",
        discussion: "docs/endorsements.md says what to do when a key has leaked. \(Target.explanation)",
        subcommands: [
            List.self, Import.self, Export.self, Fetch.self, Warm.self, Remove.self, Deny.self, Allow.self, Denied.self,
        ])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import every document in a folder that leads to a pinned root.")

        @OptionGroup var options: SettingsOptions
        @Argument(help: "The folder; files end in .der, .pem, .crt, .cer or .json.") var folder: String

        func run() async throws {
            let settings = try options.resolve().settings
            let outcome = try await EndorsementCommands.importAll(
                from: URL(filePath: folder), into: try await DataFolder(settings), settings)
            for name in outcome.kept { print("imported \(name)") }
            for (subject, reason) in outcome.refused { print("refused  \(subject): \(reason)") }
            guard !outcome.kept.isEmpty else {
                print("Nothing was imported.")
                throw ExitCode(1)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List what is kept, with each certificate's key.")

        @OptionGroup var target: Target
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.allEndorsements() }
            try printList(
                all, json: json, orElse: "Nothing is kept.", ["FINGERPRINT", "GOOD UNTIL", "KEY", "NAME"]
            ) { [$0.fingerprint, Self.end($0), $0.key ?? "-", $0.name] }
        }

        private static func end(_ document: EndorsementSummary) -> String {
            guard let end = document.goodUntil else { return "-" }
            let rest = end.timeIntervalSinceNow
            let mark = rest < 0 ? " (ended)" : rest < EndorsementKeeper.horizon ? " (soon)" : ""
            return end.formatted(.iso8601) + mark
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a document. It is found anew when it is needed: see `deny`.")

        @OptionGroup var target: Target
        @Argument(help: "Its fingerprint.") var fingerprint: String

        func run() async throws {
            try await target.open { try await $0.removeEndorsement(fingerprint) }
            print("Removed \(fingerprint.lowercased()).")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write what is kept into a folder, as `import` and endorsements.folder read it.")

        @OptionGroup var target: Target
        @Argument(help: "The folder. It is made when it is not there.") var folder: String

        func run() async throws {
            let details = try await target.open { administrator in
                var details: [EndorsementDetail] = []
                for summary in try await administrator.allEndorsements() {
                    details.append(try await administrator.endorsement(summary.fingerprint))
                }
                return details
            }
            var count = 0
            for detail in details {
                guard let document = detail.kept else {
                    tell("skipped  \(detail.endorsement.name): it is of no kind that is known here")
                    continue
                }
                try EndorsementFolder(path: folder).write(document)
                count += 1
            }
            print("Wrote \(count) \(count == 1 ? "file" : "files").")
        }
    }

    struct Fetch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fetch a chip's certificate from AMD before its first guest boots.")

        @OptionGroup var options: SettingsOptions
        @Option(help: "milan, genoa or turin.") var product: String
        @Option(help: "The chip id in hex: 128 digits, or 16 on Turin.") var chip: String
        @Option(help: "The TCB, e.g. 03.00.20.209 (Turin: FMC first).") var tcb: String

        func run() async throws {
            guard let product = Product(name: product) else {
                throw ValidationError("--product is milan, genoa or turin")
            }
            guard let chip = Hex.decode(chip), chip.count == product.chipIDLength else {
                throw ValidationError("--chip has \(product.chipIDLength * 2) hex digits on \(product.rawValue)")
            }
            guard let tcb = TCBVersion(tcb, product: product) else {
                throw ValidationError("--tcb has \(product == .turin ? "five" : "four") numbers on \(product.rawValue)")
            }
            let settings = try options.resolve().settings
            let key = AMDDocument.key(
                EndorsementIdentity(kind: .vcek, product: product, hardwareID: chip, tcb: tcb))
            try await EndorsementCommands(settings, in: DataFolder(settings)).fetch(key.name)
            print("fetched \(key)")
        }
    }
}

extension EndorsementDetail {
    /// `nil` for what this program does not know: a server may send anything.
    fileprivate var kept: EndorsementDocument? {
        let above = issuers.compactMap { Base64.decode($0) }
        guard let kind = EndorsementDocument.Kind(exactly: endorsement.kind), let bytes = Base64.decode(document),
            above.count == issuers.count
        else { return nil }
        return EndorsementDocument(
            name: EndorsementName(endorsement.name), kind: kind, bytes: bytes, issuers: above,
            goodUntil: endorsement.goodUntil)
    }
}
