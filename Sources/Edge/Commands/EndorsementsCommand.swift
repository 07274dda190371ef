import Bytes
import Arguments
import Broker
import Endorsements
import Evidence
import FoundationEssentials
import Installation

struct EndorsementsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "endorsements",
        abstract: "Fill the cache of vendor certificates, and say which chips and keys are believed no more.",
        discussion: "docs/endorsements.md says what to do when a key has leaked. \(Place.explanation)",
        subcommands: [Import.self, Fetch.self, Deny.self, Allow.self, Denied.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import every certificate in a folder that leads to a pinned root.")

        @OptionGroup var options: SettingsOptions
        @Argument(help: "The folder; files end in .der, .pem, .crt or .cer.") var folder: String

        func run() async throws {
            let settings = try options.resolve().settings
            let outcome = try await CertificateCommands.importAll(
                from: URL(filePath: folder), into: try await DataFolder(settings), anchors: settings.anchors())
            for authority in outcome.authorities { print("imported \(authority.commonName)") }
            for key in outcome.keys { print("imported \(key)") }
            for (subject, reason) in outcome.refused { print("refused  \(subject): \(reason)") }
            guard !outcome.keys.isEmpty || !outcome.authorities.isEmpty else {
                print("Nothing was imported.")
                throw ExitCode(1)
            }
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
            let identity = try await CertificateCommands.fetch(
                product: product, chip: chip, tcb: tcb, into: DataFolder(settings), settings: settings)
            print("fetched \(identity)")
        }
    }
}
