import Administration
import Arguments
import Bytes
import Evidence
import FoundationEssentials

extension EndorsementsCommand {
    /// A chip or a key to deny or allow.
    struct DeniedEndorser: ParsableArguments {
        enum Form: String, ExpressibleByArgument, CaseIterable { case chip, key, certificate }

        @Argument(help: "chip, key or certificate.") var form: Form
        @Argument(
            help: """
                A chip's whole id in hex, as `kbs sessions` and `kbs attempts show` have it; SHA-256 of a key's SubjectPublicKeyInfo, in hex; or a file \
                with one certificate, which stands for its key.
                """)
        var id: String

        func endorser() throws -> Endorser {
            switch form {
            case .chip: try Endorser(.chip, hex: id)
            case .key: try Endorser(.key, hex: id)
            case .certificate:
                try InputFile.reading(id) { bytes throws(MalformedInput) in try Endorser.key(ofCertificate: bytes) }
            }
        }
    }

    struct Deny: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop trusting a chip or a key, at once and on all servers.",
            discussion: """
                Guests whose evidence depends on it are not attested, and attested ones get nothing more. Denying it \
                again replaces the reason.
                """)

        @OptionGroup var target: Target
        @OptionGroup var denied: DeniedEndorser
        @Option(help: "The reason, for other operators: at most 200 characters.") var reason: String
        @Flag(help: "Deny a chip's id though only longer ids that begin with it were seen.") var whole = false

        func run() async throws {
            let endorser = try denied.endorser()
            _ = try await target.open { try await $0.deny(endorser, reason: reason, isWhole: whole) }
            print("Denied the \(endorser).")
        }
    }

    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Trust a chip or a key again.")

        @OptionGroup var target: Target
        @OptionGroup var denied: DeniedEndorser

        func run() async throws {
            let endorser = try denied.endorser()
            try await target.open { try await $0.allow(endorser) }
            print("Allowed the \(endorser).")
        }
    }

    struct Denied: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the denied chips and keys.")

        @OptionGroup var target: Target
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await target.open { try await $0.denials() }
            try printList(
                all, json: json, orElse: "Nothing is denied.", ["KIND", "ID", "SINCE", "BY", "REASON"]
            ) {
                [
                    $0.kind, $0.id, $0.denied?.formatted(.iso8601) ?? "-", $0.actor ?? "-",
                    $0.reason ?? "(its row in the database is not as a key broker left it: docs/audit.md)",
                ]
            }
        }
    }
}
