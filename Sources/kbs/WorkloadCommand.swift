import ArgumentParser
import AsyncHTTPClient
import Broker
import Foundation
import Server

struct WorkloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workload", abstract: "Register, list, show and remove workloads.",
        discussion: """
            With --url (or KBS_URL) a running server is asked, which must have your address in its \
            registration.networks. Otherwise the data folder is used; a server may run on it at the same time.
            """,
        subcommands: [Add.self, List.self, Show.self, Remove.self])

    /// Where the workloads are.
    struct Place: ParsableArguments {
        @Option(help: "A running server, e.g. http://127.0.0.1:8080 (environment: KBS_URL).")
        var url: String?

        @Option(help: ArgumentHelp(SettingKey.data.helpWithDefault, valueName: "folder"))
        var data: String?

        @Option(help: "A TOML file with settings, for its data folder (environment: KBS_CONFIG).")
        var config: String?

        /// - Parameter create: whether to make a data folder that is not there.
        func open<T>(create: Bool = false, _ body: (any WorkloadAdministration) async throws -> T) async throws -> T {
            let environment = ProcessInfo.processInfo.environment
            // A flag goes before the environment, of either place.
            guard let address = url ?? (data == nil ? environment["KBS_URL"] : nil) else {
                let settings = try Settings.resolve(
                    flags: data.map { [.data: $0] } ?? [:], environment: environment,
                    file: (config ?? environment["KBS_CONFIG"]).map { URL(filePath: $0) }
                ).settings
                return try await body(LocalAdministration(DataFolder(settings, create: create)))
            }
            guard let url = URL(string: address), url.host() != nil else {
                throw ValidationError("\"\(address)\" is not a URL such as http://127.0.0.1:8080")
            }
            return try await body(RemoteAdministration(url: url, client: .shared))
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Register a workload.",
            discussion: "The secret comes from --secret-file, or from standard input. One line end after it is dropped."
        )

        @OptionGroup var place: Place
        @Argument(help: "The workload's id.") var id: String
        @Option(help: "The launch measurement: 96 hex digits for SNP, 64 for SEV and SEV-ES.") var measurement: String
        @Option(help: "The TEE configuration, as JSON.") var teeConfig = ""
        @Option(help: "A file with the secret; - is standard input.") var secretFile = "-"
        @Flag(help: "Replace the workload if it is registered.") var replace = false

        func run() async throws {
            let secret = try Self.readSecret(secretFile)
            try await place.open(create: true) {
                try await $0.add(
                    NewWorkload(id: id, measurement: measurement, configuration: teeConfig, secret: secret),
                    replacing: replace)
            }
            print("Registered \(id).")
        }

        private static func readSecret(_ file: String) throws -> Secret {
            let handle = try file == "-" ? FileHandle.standardInput : FileHandle(forReadingFrom: URL(filePath: file))
            // More than any guest can receive is refused by the registration itself.
            var bytes = try handle.read(upToCount: 65_536) ?? Data()
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            return Secret(bytes)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the workloads.")

        @OptionGroup var place: Place
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let all = try await place.open { try await $0.list() }
            if json { return print(try encode(all)) }
            for workload in all {
                print("\(workload.id)\t\(workload.tee)\t\(workload.registered.formatted(.iso8601))")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a workload. Its secret is not shown.")

        @OptionGroup var place: Place
        @Argument(help: "The workload's id.") var id: String
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let workload = try await place.open { try await $0.show(id) }
            if json { return print(try encode(workload)) }
            print(
                """
                id           \(workload.id)
                technology   \(workload.tee)
                measurement  \(workload.launchMeasurement)
                policy       \(workload.policy)
                tee_config   \(workload.teeConfig)
                registered   \(workload.registered.formatted(.iso8601))
                """)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a workload, its secret and its sessions.")

        @OptionGroup var place: Place
        @Argument(help: "The workload's id.") var id: String

        func run() async throws {
            try await place.open { try await $0.remove(id) }
            print("Removed \(id).")
        }
    }
}

private func encode(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}
