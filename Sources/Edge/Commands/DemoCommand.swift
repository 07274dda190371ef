import Arguments
import Evidence
import Files
import FoundationEssentials
import HTTPClient
import SimulatedHardware

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Boot simulated guests with a running server, then attack it.",
        discussion: """
            `kbs demo prepare FOLDER` makes simulated hardware; start a server with \
            --trust-simulated-root FOLDER/roots.json; then `kbs demo run FOLDER`.
            """,
        subcommands: [Prepare.self, Run.self])

    struct Prepare: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a root, a chip and its certificates, for SNP and for SEV.")

        @Argument(help: "The folder for platforms.json (private keys) and roots.json.") var folder: String

        func run() throws {
            guard !File.exists("\(folder)/platforms.json") else {
                throw CommandFailure(
                    "\(folder) has simulated hardware already, which servers and guests may use: name another folder, or "
                        + "remove that one", .refused)
            }
            let (snp, sev) = (try SimulatedSNPPlatform(product: .milan), try SimulatedSEVPlatform())
            try Folder.make(folder)
            try File.replace(
                "\(folder)/platforms.json", with: Array(try JSONEncoder().encode(SavedPlatforms(snp: snp, sev: sev))))
            try File.replace(
                "\(folder)/roots.json", with: Array(try JSONEncoder().encode(snp.roots.merging(sev.roots))), mode: 0o644
            )
            print("Simulated hardware is in \(URL(filePath: folder).path(percentEncoded: false)).")
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Register workloads, boot guests, and attack.")

        @Argument(help: "The folder that `kbs demo prepare` made.") var folder: String
        @Option(help: "The server; KBS_CA names its certificate or authority.") var url = "http://127.0.0.1:8080"

        func run() async throws {
            let saved = try read("\(folder)/platforms.json")
            var configuration = HTTP1Client.Configuration()
            if let ca = ProcessInfo.processInfo.environment["KBS_CA"], !ca.isEmpty {
                configuration.authorities = try File.read(ca, atMost: 1 << 20)
            }
            let demo = Demonstration(
                snp: try saved.restoreSNP(), sev: try saved.restoreSEV(),
                transport: GuestTransport(base: url, client: HTTP1Client(configuration)))
            guard try await demo.run() else { throw ExitCode(1) }
        }

        private func read(_ file: String) throws -> SavedPlatforms {
            let bytes = try File.read(file, atMost: 1 << 20)
            do { return try JSONDecoder().decode(SavedPlatforms.self, from: Data(bytes)) } catch {
                throw CommandFailure("\(file) is not what `kbs demo prepare` makes")
            }
        }
    }
}
