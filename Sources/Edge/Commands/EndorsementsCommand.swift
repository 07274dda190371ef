import Administration
import Arguments
import Broker
import Bytes
import Endorsements
import Evidence
import FoundationEssentials
import Installation

struct EndorsementsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endorsements",
        abstract: "Manage vendors' certificates, and deny chips and keys.",
        discussion: "docs/endorsements.md says what to do when a key has leaked. \(Target.explanation)",
        subcommands: [
            List.self, Import.self, Export.self, Fetch.self, Warm.self, Remove.self, Deny.self, Allow.self, Denied.self,
        ])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import the documents of a folder that lead to a pinned root.")

        @OptionGroup var options: SettingsOptions
        @Argument(help: "The folder; files end in .der, .pem, .crt, .cer or .json.") var folder: String

        func run() async throws {
            let settings = try options.resolveFolder()
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
        static let configuration = CommandConfiguration(
            abstract: "List the cached documents, with each certificate's key.")

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
            abstract: "Remove a document. It is fetched again when it is needed; to forbid it, use `deny`.")

        @OptionGroup var target: Target
        @Argument(help: "Its fingerprint.") var fingerprint: String

        func run() async throws {
            try await target.open { try await $0.removeEndorsement(fingerprint) }
            print("Removed \(fingerprint.lowercased()).")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the cached documents into a folder, as `import` and endorsements.folder read it.")

        @OptionGroup var target: Target
        @Argument(help: "The folder, created if it is missing.") var folder: String

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
                guard let document = detail.content else {
                    tell("skipped  \(detail.endorsement.name): it is of no kind that is known here")
                    continue
                }
                try EndorsementFolder(URL(filePath: folder)).write(document)
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
            let settings = try options.resolveFolder()
            let key = AMDDocument.key(
                EndorsementIdentity(kind: .vcek, product: product, hardwareID: chip, tcb: tcb))
            try await EndorsementCommands(settings, in: DataFolder(settings)).fetch(key.name)
            print("fetched \(key)")
        }
    }
}

extension EndorsementDetail {
    /// The document; `nil` for a kind that this program does not know, which a newer server may send.
    fileprivate var content: EndorsementDocument? {
        let above = issuers.compactMap { Base64.decode($0) }
        guard let kind = EndorsementDocument.Kind(exactly: endorsement.kind), let bytes = Base64.decode(document),
            above.count == issuers.count
        else { return nil }
        return EndorsementDocument(
            name: EndorsementName(endorsement.name), kind: kind, bytes: bytes, issuers: above,
            goodUntil: endorsement.goodUntil)
    }
}
