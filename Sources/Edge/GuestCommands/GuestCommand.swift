package import Arguments
import Files
import Guest
import Lifecycle

/// `kbs guest`, and all of `kbs-guest`.
package struct GuestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "guest", abstract: "Get the secret or the evidence of this confidential guest.",
        discussion: """
            Exits with 1 if the broker refused, 2 if an argument or a device cannot be used, 3 if no trusted \
            broker answered in time, and 4 if the secret could not be delivered.
            """,
        subcommands: [Unlock.self, Evidence.self, Status.self])

    package init() {}

    struct Unlock: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Attest to a broker and receive this workload's secret.",
            discussion: "Standard output carries the secret and nothing else.")

        @Option(help: "The broker, e.g. https://broker.example:8080.") var url: String
        @Option(help: "The workload's id.") var workload: String
        @Option(help: "sha256: and hex, over the SubjectPublicKeyInfo of the server's certificate. May be repeated.")
        var pin: [String] = []
        @Option(help: "A PEM file with the CA of the server's certificate, instead of the system's.") var ca: String?
        @Flag(help: "Accept http://, where an attacker on the network could answer as the broker.")
        var insecureHttp = false
        @Option(help: "The destination of the secret: - (standard output, the default) or a file.") var out: String?
        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("Open this LUKS device with the secret.", valueName: "device> <name"))
        var cryptsetup: [String] = []
        @Option(help: "The time for all tries, e.g. 60s or 5m.") var timeout = "60s"
        @Option(help: "The greatest number of repeated tries (default: until the timeout).") var retries: Int?
        @Option(help: "Bits of the key that the secret is encrypted to: 2048, or 4096 for longer secrets.")
        var rsaBits = 2_048
        @OptionGroup var devices: Devices

        func run() async throws {
            try await reporting {
                let delivery = try Delivery(out: out, cryptsetup: cryptsetup)
                var unlock = Guest.Unlock(
                    workload: workload,
                    address: try BrokerAddress(url: url, pins: pin, authority: ca, allowsPlainHTTP: insecureHttp))
                unlock.device = try devices.settings()
                unlock.timeout = try Guest.Unlock.duration(timeout)
                unlock.retries = retries
                unlock.rsaBits = rsaBits
                try await delivery.deliver(try await unlock.secret(tell: say))
            }
        }
    }

    struct Evidence: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save a fresh report, for kbs verify snp.")

        @Option(help: "The report data, 128 hex digits.") var reportData: String
        @Option(help: "The file for the report, 1,184 bytes.") var out: String
        @Option(help: "A file for the host's certificates, PEM.") var certificates: String?
        @OptionGroup var devices: Devices

        func run() async throws {
            try await reporting {
                let evidence = try await devices.settings().device()
                    .evidence(reportData: try GuestEvidence.reportData(reportData))
                try evidence.save(report: out, certificates: certificates, tell: say)
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the evidence devices; exits with 2 if none can be used.")

        @OptionGroup var devices: Devices

        func run() async throws {
            try await reporting {
                let status = try devices.settings().status()
                for line in status.lines { Output.print(line) }
                guard status.isUsable else { throw ExitCode(GuestFailure.Kind.unusable.rawValue) }
            }
        }
    }

    struct Devices: ParsableArguments {
        @Option(help: "auto, configfs or sev-guest.") var device = "auto"
        @Option(help: "The folder of configfs-tsm.") var tsmPath: String?
        @Option(help: "The privilege level (VMPL) for the report, 0 to 3.") var vmpl: UInt32?

        func settings() throws -> DeviceSettings {
            var settings = DeviceSettings()
            settings.choice = try DeviceChoice(named: device)
            if let tsmPath { settings.configFSPath = tsmPath }
            settings.privilegeLevel = vmpl
            return settings
        }
    }
}

@Sendable private func say(_ sentence: String) {
    // A failure here cannot be reported anywhere.
    try? StandardStream.errors.write(Array("kbs guest: \(sentence)\n".utf8))
}

/// Runs with a hardened process, and exits with the failure's status.
private func reporting(_ body: () async throws -> Void) async throws {
    ProcessHardening.apply()
    do { try await body() } catch let failure as GuestFailure {
        say(failure.description)
        throw ExitCode(failure.kind.rawValue)
    }
}
