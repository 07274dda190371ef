import Appraisal
import Arguments
import Bytes
import Evidence
import FoundationEssentials
import Installation

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check evidence in files, without a server.",
        discussion: "Exits with 0 if it is accepted, 1 if it is refused, and 2 if an input cannot be used.",
        subcommands: [SNP.self, SEV.self])

    struct SNP: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check an SEV-SNP attestation report.",
            discussion: "Only given values are checked, except for policy, VMPL and firmware, which have defaults.")

        @OptionGroup var common: Common
        @Option(help: "The report: 1,184 bytes, or hex.") var report: String
        @Option(help: "The VCEK or VLEK, DER or PEM, with its chain or without.") var vcek: String?
        @Option(help: "A folder of certificates: ARK, ASK and keys.") var certs: [String] = []
        @Option(help: "The expected launch measurement, 96 hex digits.") var measurement: String?
        @Option(help: "The expected report data, 128 hex digits.") var reportData: String?
        @Option(help: "The widest guest policy to accept, e.g. 0x30000.") var policy = "0x30000"
        @Option(help: "The expected privilege level.") var vmpl: UInt32 = 0
        @Option(help: "The minimum TCB, e.g. 03.00.20.209.") var minimumTcb: String?
        @Option(help: "Mitigations that must be in force, bits in hex, e.g. 0x1.") var minimumMitigations: String?
        @Option(help: "A cloud provider whose VLEK may have signed the report. May be repeated.") var cspId: [String] =
            []
        @Flag(help: "Do not apply the two minimums to the host's state at the guest's launch.")
        var ignoreLaunch = false
        @Flag(help: "Accept a guest that its host may debug, if --policy allows it.") var allowDebug = false
        @Flag(help: "Accept a migration agent, if --policy allows it.") var allowMigrationAgent = false
        @Flag(help: "Accept uncommitted firmware.") var allowProvisionalFirmware = false

        func run() async throws {
            let found = try await common.reading {
                try await OfflineVerification.snp(
                    report: URL(filePath: report), certificates: vcek.map { [URL(filePath: $0)] } ?? [],
                    folders: certs.map { URL(filePath: $0) },
                    Exchange(reportData: try hex(reportData, "--report-data", 64), at: try common.time()),
                    expecting: try expectations(), anchors: try common.anchors())
            }
            try common.conclude(found.verdict, "SEV-SNP attestation report", claims: ReportSummary(found.report))
        }

        private func expectations() throws -> Expectations {
            guard let bits = UInt64(policy.hasPrefix("0x") ? policy.dropFirst(2) : policy[...], radix: 16) else {
                throw MalformedInput("--policy", "it is not hexadecimal")
            }
            var server = Rules()
            server.vmpl = UInt64(vmpl)
            server.allowsDebug = allowDebug
            server.allowsMigrationAgent = allowMigrationAgent
            server.allowsProvisionalFirmware = allowProvisionalFirmware
            server.holdsMinimumAtLaunch = !ignoreLaunch
            server.cspIDs = cspId.isEmpty ? nil : cspId.map { ExactText($0) }
            if let minimumMitigations {
                guard let bits = UInt64(bits: minimumMitigations) else {
                    throw MalformedInput("--minimum-mitigations", "it is not hexadecimal with 0x before it")
                }
                server.minimumMitigations = bits
            }
            if let minimumTcb {
                for product in Product.allCases {
                    server.minimumTCB[product] = TCBVersion(minimumTcb, product: product)
                }
                guard !server.minimumTCB.isEmpty else {
                    throw MalformedInput("--minimum-tcb", "it has neither four nor five numbers")
                }
            }
            return Expectations(
                server: server,
                registration: .registration(
                    measurement: try hex(measurement, "--measurement", 48), policy: GuestPolicy(rawValue: bits)))
        }

        private func hex(_ text: String?, _ name: String, _ count: Int) throws -> [UInt8]? {
            guard let text else { return nil }
            guard let bytes = Hex.decode(text), bytes.count == count else {
                throw MalformedInput(name, "it does not have \(count * 2) hex digits")
            }
            return bytes
        }
    }

    struct SEV: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check an SEV platform's certificates.",
            discussion: "Certificates are recognised by their contents; files may have any name.")

        @OptionGroup var common: Common
        @Option(help: "A folder of .cert files, or a file (also of sevctl export --full). May be repeated.")
        var chain: [String]

        func run() async throws {
            let verdict = try await common.reading {
                try OfflineVerification.sev(chain: chain.map { URL(filePath: $0) }, anchors: try common.anchors().sev)
            }
            try common.conclude(verdict, "SEV platform certificates")
        }
    }

    /// Options of both.
    struct Common: ParsableArguments {
        @Option(help: "The time at which certificates must be valid, e.g. 2025-06-01T00:00:00Z (default: now).")
        var at: String?
        @Flag(help: "Print JSON.") var json = false
        @Option(help: "A JSON file with roots of simulated hardware to trust.") var trustSimulatedRoot: String?

        func time() throws -> Date {
            guard let at else { return Date() }
            do { return try Date(at, strategy: .iso8601) } catch {
                throw MalformedInput("--at", "it is not a time such as 2025-06-01T00:00:00Z")
            }
        }

        func anchors() throws -> Anchors {
            guard let trustSimulatedRoot else { return .vendors }
            return try Anchors.vendors.trusting(SimulatedRoots(file: trustSimulatedRoot))
        }

        /// Exits with 2 if an input cannot be used.
        func reading<T>(_ body: () async throws -> T) async throws -> T {
            do {
                return try await body()
            } catch {
                tell("Error: \(error)")
                throw ExitCode(2)
            }
        }

        func conclude(_ verdict: Verdict, _ title: String, claims: ReportSummary? = nil) throws {
            try VerdictTable(VerdictRecord(verdict), title: title, claims: claims).conclude(json: json)
        }
    }
}
