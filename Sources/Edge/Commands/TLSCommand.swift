import Arguments
import Bytes
import Evidence
import Files
import FoundationEssentials
import X509

struct TLSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tls", abstract: "Make a certificate for the server.", subcommands: [SelfSigned.self])

    struct SelfSigned: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a self-signed certificate, for a trial or for guests that pin it.")

        @Option(
            help: """
                A DNS name or an IP address by which clients reach the server. May be repeated. localhost, 127.0.0.1 \
                and ::1 are always included.
                """)
        var name: [String] = []
        @Option(help: ArgumentHelp("The folder for tls.crt and tls.key.", valueName: "folder")) var out = "."
        @Option(help: "Days of validity, 1 to 3650.") var days = 90
        @Flag(help: "Replace existing files.") var force = false

        func run() throws {
            // For commands and health checks on this machine.
            let own = name.isEmpty ? [] : ["localhost", "127.0.0.1", "::1"].filter { !name.contains($0) }
            let made = try SelfSignedCertificate(names: name + own, days: days)
            let files = try made.write(to: URL(filePath: out).filePath, overwriting: force)
            print(
                """
                To serve with it:
                  --tls-certificate \(files.certificate)
                  --tls-key \(files.key)

                To pin its public key:
                  kbs guest unlock --pin sha256:\(Hex.encode(made.certificate.keyPin))
                  curl --pinnedpubkey sha256//\(made.certificate.keyPin.base64)

                SHA-256 of the certificate: \(Hex.encode(made.certificate.fingerprint))
                """)
        }
    }
}
