import ArgumentParser
import AsyncHTTPClient
import Evidence
import Foundation
import SimulatedHardware

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo", abstract: "Boot simulated guests against a running server, then attack it.",
        discussion: """
            `kbs demo prepare FOLDER` makes simulated hardware; start a server with \
            --trust-simulated-root FOLDER/roots.json; then `kbs demo run FOLDER`.
            """,
        subcommands: [Prepare.self, Run.self])

    struct Prepare: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a root, a chip and its certificates, for SNP and for SEV.")

        @Argument(help: "Where to put platforms.json (private keys) and roots.json.") var folder: String

        func run() throws {
            let (snp, sev) = (try SimulatedSNPPlatform(product: .milan), try SimulatedSEVPlatform())
            let folder = URL(filePath: folder)
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try JSONEncoder().encode(SavedPlatforms(snp: snp, sev: sev))
                .write(to: folder.appending(path: "platforms.json"), options: .atomic)
            try JSONEncoder().encode(snp.roots.merging(sev.roots)).write(to: folder.appending(path: "roots.json"))
            print("Simulated hardware is in \(folder.path(percentEncoded: false)).")
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Register workloads, boot guests, and attack.")

        @Argument(help: "The folder that `kbs demo prepare` made.") var folder: String
        @Option(help: "The server.") var url = "http://127.0.0.1:8080"

        func run() async throws {
            let file = URL(filePath: folder).appending(path: "platforms.json")
            let saved = try JSONDecoder().decode(SavedPlatforms.self, from: Data(contentsOf: file))
            let demo = Demonstration(
                snp: try saved.restoreSNP(), sev: try saved.restoreSEV(),
                transport: GuestTransport(base: url, client: .shared))
            guard try await demo.run() else { throw ExitCode(1) }
        }
    }
}
