import Broker
import BrokerSupport
import Bytes
import EdgeSupport
import Evidence
import EvidenceSupport
import Foundation
import HTTP
import HTTPClient
import Installation
import Server
import SimulatedHardware
import Storage
import TestSupport
import Testing

/// The `kbs` binary, as an operator runs it.
struct Command {
    struct Result {
        let status: Int32
        let output: String
        let errors: String
    }

    /// Beside the tests' own binary.
    static let binary: URL = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: "kbs")
    }()

    /// Only what a test is about may fail on a busy machine.
    private static let patience = [
        "KBS_STORAGE_TIMEOUT": "60s", "KBS_HTTP_HEADER_TIMEOUT": "10m", "KBS_HTTP_BODY_TIMEOUT": "10m",
    ]

    static func plan(_ arguments: [String], environment: [String: String] = [:]) -> SpawnedProcess.Plan {
        var plan = SpawnedProcess.Plan(binary, arguments)
        plan.environment = plan.environment.filter { !$0.key.hasPrefix("KBS_") && !$0.key.hasPrefix("OTEL_") }
        plan.environment.merge(patience.merging(environment) { $1 }) { $1 }
        return plan
    }

    static func run(
        _ arguments: String..., input: String = "", environment: [String: String] = [:]
    ) async throws -> Result {
        try await runAll(arguments, input: input, environment: environment)
    }

    static func runAll(
        _ arguments: [String], input: String = "", environment: [String: String] = [:]
    ) async throws -> Result {
        let folder = try TemporaryFolder()
        let (out, err, feed) = (folder.file("out"), folder.file("err"), folder.file("in"))
        try Data(input.utf8).write(to: feed)
        for file in [out, err] { try Data().write(to: file) }
        var plan = plan(arguments, environment: environment)
        plan.input = try FileHandle(forReadingFrom: feed)
        plan.output = try FileHandle(forWritingTo: out)
        plan.errors = try FileHandle(forWritingTo: err)
        let status = try await SpawnedProcess.run(plan)
        return Result(
            status: status, output: try String(contentsOf: out, encoding: .utf8),
            errors: try String(contentsOf: err, encoding: .utf8))
    }
}

/// `kbs serve` as a process of its own.
final class ServerProcess: Sendable {
    private let process: SpawnedProcess
    let base: String
    private let logFile: URL
    private let folder: TemporaryFolder

    private init(process: SpawnedProcess, base: String, logFile: URL, folder: TemporaryFolder) {
        (self.process, self.base, self.logFile, self.folder) = (process, base, logFile, folder)
    }

    var isRunning: Bool { process.isRunning }
    var identifier: Int32 { process.identifier }
    /// `nil` while it runs.
    var status: Int32? { process.status }
    var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    /// - Parameters:
    ///   - longestFile: past so many units of 512 bytes no file grows, as on a disk that is full.
    ///   - softOpenFiles: the soft limit of open files that it starts with, behind all other tests in the queue for
    ///     the processor; `nil` for this process's.
    static func start(
        _ folder: TemporaryFolder, longestFile: Int? = nil, softOpenFiles: Int? = nil, _ arguments: String...,
        environment: [String: String] = [:]
    ) async throws -> ServerProcess {
        try await start(
            folder, longestFile: longestFile, softOpenFiles: softOpenFiles, arguments: arguments,
            environment: environment)
    }

    static func start(
        _ folder: TemporaryFolder, longestFile: Int? = nil, softOpenFiles: Int? = nil, arguments: [String],
        environment: [String: String] = [:]
    ) async throws -> ServerProcess {
        let logFile = folder.file("log-\(UUID().uuidString)")
        try Data().write(to: logFile)
        let rootsFile = folder.file("roots.json")
        try JSONEncoder().encode(Simulated.roots).write(to: rootsFile)
        var plan = Command.plan(
            [
                "serve", "--listen", "127.0.0.1:0", "--data", folder.file("data").path, "--trust-simulated-root",
                rootsFile.path, "--endorsements-kds", "", "--set", "insecure_admin=true",
            ] + arguments, environment: environment)
        if let longestFile {
            plan.arguments =
                ["-c", #"trap "" XFSZ; ulimit -f "$0"; exec "$@""#, "\(longestFile)", Command.binary.path]
                + plan.arguments
            plan.program = URL(filePath: "/bin/sh")
        }
        if let softOpenFiles {
            plan.arguments =
                ["-c", "ulimit -Sn \(softOpenFiles) && exec nice -n 10 \"$@\"", "sh", Command.binary.path]
                + plan.arguments
            plan.program = URL(filePath: "/bin/sh")
        }
        plan.errors = try FileHandle(forWritingTo: logFile)
        let process = try SpawnedProcess(plan)
        let started = ContinuousClock.now
        // Generous: other tests keep the processors busy.
        while started.duration(to: .now) < .seconds(300), process.isRunning {
            try await Task.sleep(for: .milliseconds(25))
            let log = try String(contentsOf: logFile, encoding: .utf8)
            if let address = log.firstMatch(of: /address(?:=|":")(https?:\/\/[0-9.:]+)/) {
                return ServerProcess(process: process, base: String(address.output.1), logFile: logFile, folder: folder)
            }
        }
        throw NotStarted(log: try String(contentsOf: logFile, encoding: .utf8))
    }

    /// A server that ended, or did not listen in time.
    struct NotStarted: Error { let log: String }

    var port: Int { base.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    func send(signal: Int32) { process.send(signal) }

    /// - Returns: whether it ended within the time.
    func ends(within time: Duration) async throws -> Bool {
        let end = ContinuousClock.now.advanced(by: time)
        while process.isRunning {
            guard ContinuousClock.now < end else { return false }
            try await Task.sleep(for: .milliseconds(20))
        }
        return true
    }
}

@Suite("The command line")
struct CommandTests {
    @Test("Real evidence is verified, with the verdict's exit status", .enabled(if: Vectors.arePresent))
    func verifyReal() async throws {
        let trust = Vectors.folder.appending(path: "trust/amd").path
        func verify(_ id: String, _ more: String...) async throws -> Command.Result {
            let vector = try Vectors.snp(id)
            let base = Vectors.folder.appending(path: "vectors")
            var arguments = [
                "--report", base.appending(path: vector.report).path, "--vcek", base.appending(path: vector.vek).path,
                "--certs", trust,
            ]
            arguments += more
            return try await Command.runAll(["verify", "snp"] + arguments)
        }
        let genoa = try await verify("genoa-v3", "--measurement", Vectors.snp("genoa-v3").measurement)
        #expect(genoa.status == 0 && genoa.output.contains("Genuine and accepted."))
        #expect(!genoa.output.contains("\u{1B}"), "no colours into a file")
        let wrong = try await verify("genoa-v3", "--measurement", String(repeating: "0", count: 96), "--json")
        #expect(wrong.status == 1)
        let document = try #require(try JSONSerialization.jsonObject(with: Data(wrong.output.utf8)) as? [String: Any])
        #expect(document["genuine"] as? Bool == true && document["accepted"] as? Bool == false)
        let claims = try #require(document["claims"] as? [String: String])
        #expect(claims["product"] == "Genoa" && claims["reported_tcb"] == "10.00.23.25")
        #expect(claims["measurement"] == (try Vectors.snp("genoa-v3").measurement))
        let all = try await Command.run(
            "verify", "snp", "--report", Vectors.folder.appending(path: "vectors/snp/genoa-v3/report.bin").path,
            "--certs", trust, "--certs", Vectors.folder.appending(path: "vectors/snp").path)
        #expect(all.status == 0, "the right certificates are found among many")
        let debug = try await verify("milan-v2-b")
        #expect(debug.status == 1 && debug.output.contains("Genuine, but refused: snp.policy, snp.debug."))
        #expect(try await verify("milan-v2-b", "--policy", "0xb0000", "--allow-debug").status == 0)
        #expect(try await verify("milan-v2-a").status == 1)
        #expect(try await verify("milan-v2-a", "--allow-provisional-firmware").status == 0)
        let vlek = ["--vmpl", "1", "--allow-provisional-firmware", "--at"]
        #expect(
            try await verify("milan-v3-vlek", vlek[0], vlek[1], vlek[2], vlek[3], "2025-06-01T00:00:00Z").status == 0)
        let late = try await verify("milan-v3-vlek", vlek[0], vlek[1], vlek[2], vlek[3], "2026-01-01T00:00:00Z")
        #expect(late.status == 1 && late.output.contains("Not proven to be genuine: snp.chain.validity."))
        let old = try await verify("genoa-v3", "--minimum-tcb", "10.00.24.00")
        #expect(old.status == 1 && old.output.contains("SNP 23 is under 24"), "\(old.output)")
        let mitigated = try await verify("genoa-v3", "--minimum-mitigations", "0x1")
        #expect(mitigated.status == 1 && mitigated.output.contains("CURRENT_MIT_VECTOR is not stated"))
        let cloud = [vlek[0], vlek[1], vlek[2], vlek[3], "2025-06-01T00:00:00Z", "--csp-id"]
        func ofCloud(_ name: String) async throws -> Int32 {
            try await verify("milan-v3-vlek", cloud[0], cloud[1], cloud[2], cloud[3], cloud[4], cloud[5], name).status
        }
        #expect(try await ofCloud("CN=cc-us-east-2.amazonaws.com") == 0)
        #expect(try await ofCloud("CN=cc-us-east-1.amazonaws.com") == 1)
        #expect(try await verify("genoa-v3", "--minimum-tcb", "01.10.00.24.00").status == 2, "Turin's form")
    }

    @Test(
        "Certificates that do not fit are said to be what they are, and why they do not fit; C9",
        .enabled(if: Vectors.arePresent))
    func verifyMisfits() async throws {
        let (trust, base) = (
            Vectors.folder.appending(path: "trust/amd").path, Vectors.folder.appending(path: "vectors")
        )
        func verify(_ id: String, with other: String, certificates: String = trust) async throws -> String {
            let result = try await Command.run(
                "verify", "snp", "--report", base.appending(path: Vectors.snp(id).report).path, "--vcek",
                base.appending(path: Vectors.snp(other).vek).path, "--certs", certificates)
            #expect(result.status == 1)
            return result.output
        }
        let others = try await verify("milan-v2-a", with: "milan-v2-b")
        #expect(others.contains("VCEK of Milan for TCB") && others.contains("the report"), "\(others)")
        #expect(try await verify("genoa-v3", with: "milan-v2-a").contains("the report is from Genoa"))
        let folder = try TemporaryFolder()
        let alone = try await verify("genoa-v3", with: "genoa-v3", certificates: folder.url.path)
        #expect(alone.contains("it fits, and the ASK (SEV-Genoa) or ARK above it is missing"), "\(alone)")
    }

    @Test("Input that cannot be used exits with 2")
    func verifyUnusable() async throws {
        let folder = try TemporaryFolder()
        try Data([1, 2, 3]).write(to: folder.file("short.bin"))
        for arguments in [
            ["--report", folder.file("missing").path], ["--report", folder.file("short.bin").path],
            ["--report", folder.file("short.bin").path, "--measurement", "xyz"],
            ["--report", folder.file("short.bin").path, "--at", "yesterday"],
        ] {
            let result = try await Command.runAll(["verify", "snp"] + arguments)
            #expect(result.status == 2 && !result.errors.isEmpty, "\(arguments): \(result.status)")
        }
        #expect(try await Command.run("verify", "sev", "--chain", folder.url.path).status == 2)
    }

    @Test("The real Naples chain is verified, from folders and from one file", .enabled(if: Vectors.arePresent))
    func verifySEV() async throws {
        let (platform, amd) = (
            Vectors.folder.appending(path: "vectors/sev/naples").path,
            Vectors.folder.appending(path: "trust/amd/naples").path
        )
        #expect(try await Command.run("verify", "sev", "--chain", platform, "--chain", amd).status == 0)
        #expect(try await Command.run("verify", "sev", "--chain", platform).status == 2)
        let folder = try TemporaryFolder()
        let chain = try Vectors.naples()
        let parts = [
            chain.pdh.bytes, chain.pek.bytes, chain.oca.bytes, chain.cek.bytes, chain.ask.bytes, chain.ark.bytes,
        ]
        try Data(parts.flatMap { $0 }).write(to: folder.file("full.cert"))
        let result = try await Command.run("verify", "sev", "--chain", folder.file("full.cert").path)
        #expect(
            result.status == (chain.ark.bytes.count == chain.ask.bytes.count ? 0 : 2),
            "\(result.output)\(result.errors)")
        let rome = Vectors.folder.appending(path: "trust/amd/rome").path
        #expect(try await Command.run("verify", "sev", "--chain", platform, "--chain", rome).status == 1)
    }

    @Test("Workloads are managed on the data folder, with the secret from a file or standard input")
    func workloadsOnFolder() async throws {
        let folder = try TemporaryFolder()
        let data = folder.file("data").path
        let measurement = Hex.encode(Simulated.measurement("app"))
        let added = try await Command.run(
            "workload", "add", "app", "--data", data, "--measurement", measurement, input: "open sesame\n")
        #expect(added.status == 0 && added.output.hasPrefix("Registered app with the policy "), "\(added.errors)")
        let again = try await Command.run(
            "workload", "add", "app", "--data", data, "--measurement", measurement, input: "x")
        #expect(again.status != 0 && again.errors.contains("workload_exists"))
        try Data("from a file".utf8).write(to: folder.file("secret"))
        #expect(
            try await Command.run(
                "workload", "add", "app", "--replace", "--data", data, "--measurement", measurement, "--tee-config",
                #"{"flags":{"bits":3},"minfw":{"major":1,"minor":55}}"#, "--secret-file", folder.file("secret").path
            ).status == 0)
        let list = try await Command.run("workload", "list", "--data", data)
        #expect(list.output.hasPrefix("ID   TECHNOLOGY  REGISTERED") && list.output.contains("\napp  snp "))
        let shown = try await Command.run("workload", "show", "app", "--data", data)
        #expect(shown.output.contains(measurement) && shown.output.contains("0x30137"))
        for result in [added, list, shown] { #expect(!(result.output + result.errors).contains("sesame")) }
        #expect(try await Command.run("workload", "remove", "app", "--data", data).status == 0)
        #expect(try await Command.run("workload", "remove", "app", "--data", data).status != 0)
        let nowhere = try await Command.run("workload", "list", "--data", folder.file("nowhere").path)
        #expect(nowhere.status != 0 && nowhere.errors.contains("not a data folder"))
        try Data("data = \"\(data)\"".utf8).write(to: folder.file("kbs.toml"))
        #expect(try await Command.run("workload", "list", "--config", folder.file("kbs.toml").path).status == 0)
        #expect(
            try await Command.run("workload", "list", "--json", environment: ["KBS_DATA": data]).output == "[\n\n]\n")
    }

    @Test("Workloads are managed over HTTP, and a guest gets what was added")
    func workloadsOverHTTP() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let measurement = Hex.encode(Simulated.measurement("team/app:1"))
        let added = try await Command.run(
            "workload", "add", "team/app:1", "--url", server.base, "--measurement", measurement, input: "open sesame\n")
        #expect(added.status == 0, "\(added.errors)")
        let guest = try Simulated.guest("team/app:1")
        let transport = GuestTransport(base: server.base, client: .shared)
        #expect(try await guest.boot(over: transport) == Array("open sesame".utf8))
        let environment = ["KBS_URL": server.base]
        #expect(
            try await Command.run("workload", "list", environment: environment).output.contains("\nteam/app:1  snp"))
        #expect(
            try await Command.run("workload", "show", "team/app:1", environment: environment).output.contains(
                measurement))
        let again = try await Command.run(
            "workload", "add", "team/app:1", "--measurement", measurement, input: "x", environment: environment)
        #expect(again.status != 0 && again.errors.contains("workload_exists"))
        #expect(try await Command.run("workload", "remove", "team/app:1", environment: environment).status == 0)
        let gone = try await Command.run("workload", "show", "team/app:1", environment: environment)
        #expect(gone.status != 0 && gone.errors.contains("workload_unknown"))
        await #expect(throws: GuestTransport.Refused.self) { try await guest.boot(over: transport) }
    }

    @Test("AMD is asked through the proxy that a setting or the environment names, and directly where one says so; C7")
    func outgoingProxy() async throws {
        let folder = try TemporaryFolder()
        try await StandInService.run(answering: { _, _ in StandInService.status(404) }) { proxy, address in
            for (number, (settings, environment, isAsked)) in [
                (["proxies.outgoing=\(address)"], [:], true), ([], ["http_proxy": address], true),
                (["proxies.outgoing=\(address)", "proxies.outgoing_except=kds.invalid"], [:], false),
                (["proxies.outgoing=\(address)"], ["no_proxy": "kds.invalid"], false),
                (["proxies.outgoing=\(address)", "proxies.outgoing_except="], ["no_proxy": "kds.invalid"], true),
            ].enumerated() {
                let before = proxy.asked.count
                let arguments =
                    [
                        "endorsements", "fetch", "--data", folder.file("data\(number)").path, "--endorsements-kds",
                        "http://kds.invalid", "--product", "milan", "--chip", String(repeating: "ab", count: 64),
                        "--tcb", "\(Simulated.tcb)", "--set", "endorsements.timeout=5s",
                    ] + settings.flatMap { ["--set", $0] }
                var result = try await Command.runAll(arguments, environment: environment)
                // On a busy machine five seconds may be over before it asks.
                for _ in 0..<5 where isAsked && proxy.asked.count == before {
                    result = try await Command.runAll(arguments, environment: environment)
                }
                #expect(result.status == 3, "\(result.errors)")
                #expect((proxy.asked.count > before) == isAsked, "\(settings) \(environment): \(result.errors)")
            }
            #expect(proxy.asked.allSatisfy { $0.contains("/vcek/v1/Milan/") })
        }
        let refused = try await Command.run(
            "settings", "--set", "proxies.outgoing=http://user:hunter2@proxy.example.org")
        #expect(refused.status == 2 && refused.errors.contains("proxies.outgoing holds a user and password"))
        #expect(!refused.errors.contains("hunter2"))
    }

    @Test("Certificates are imported from a folder and fetched from a service, and then a guest needs neither")
    func certificates() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let answer: StandInService.Answer = { path, _ in
            path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }
        for way in ["fetch", "import"] {
            let folder = try TemporaryFolder()
            let data = folder.file("data").path
            let roots = folder.file("roots.json")
            try JSONEncoder().encode(Simulated.roots).write(to: roots)
            if way == "fetch" {
                try await StandInService.run(answering: answer) { standIn, base in
                    let fetched = try await Command.run(
                        "endorsements", "fetch", "--data", data, "--endorsements-kds", base, "--product", "milan",
                        "--chip",
                        Hex.encode(snp.chipID), "--tcb", "\(Simulated.tcb)", "--trust-simulated-root", roots.path)
                    #expect(fetched.status == 0 && standIn.asked.count == 2, "\(fetched.errors)")
                }
            } else {
                let certs = folder.file("certs")
                try FileManager.default.createDirectory(at: certs, withIntermediateDirectories: true)
                try Data((snp.ask.pem + snp.ark.pem + vcek.pem).utf8).write(to: certs.appending(path: "all.pem"))
                let untrusted = try await Command.run("endorsements", "import", certs.path, "--data", data)
                #expect(untrusted.status == 1 && untrusted.output.contains("does not lead to a pinned root"))
                let imported = try await Command.run(
                    "endorsements", "import", certs.path, "--data", data, "--trust-simulated-root", roots.path)
                #expect(imported.status == 0 && imported.output.contains("imported the Milan VCEK"))
            }
            let server = try await ServerProcess.start(folder)
            let transport = GuestTransport(base: server.base, client: .shared)
            var guest = try Simulated.guest("app")
            guest.certificates = []
            try await transport.register(
                "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            #expect(try await guest.boot(over: transport) == Array("s".utf8))
        }
    }

    @Test("The demonstration runs, and says so when the server does not trust its hardware")
    func demonstration() async throws {
        let folder = try TemporaryFolder()
        let platform = folder.file("platform").path
        #expect(try await Command.run("demo", "prepare", platform).status == 0)
        let server = try await ServerProcess.start(folder)
        let stranger = try await Command.run("demo", "run", platform, "--url", server.base)
        #expect(stranger.status != 0)
        let trusting = try await ServerProcess.start(
            TemporaryFolder(), "--trust-simulated-root", "\(platform)/roots.json")
        #expect(trusting.log.contains("TRUSTS SIMULATED HARDWARE"))
        let result = try await Command.run("demo", "run", platform, "--url", trusting.base)
        #expect(result.status == 0, "\(result.output)\(result.errors)")
        #expect(result.output.contains("All went as it must"))
        #expect(result.output.components(separatedBy: "refused (").count == 4)
    }
}

@Suite("A server's life and death")
struct ProcessTests {
    @Test("What was acknowledged before kill -9 is there after it")
    func killed() async throws {
        let folder = try TemporaryFolder()
        let server = try await ServerProcess.start(folder)
        let transport = GuestTransport(base: server.base, client: .shared)
        let (acknowledgements, report) = AsyncStream.makeStream(of: String.self)
        let writers = (0..<8).map { writer in
            Task {
                for number in 0..<10_000 {
                    let id = "w\(writer)/\(number)"
                    try await transport.register(
                        id, measurement: Hex.encode(Simulated.measurement(id)), configuration: "", secret: id)
                    report.yield(id)
                }
            }
        }
        var acknowledged: [String] = []
        for await id in acknowledgements {
            acknowledged.append(id)
            if acknowledged.count == 100 {
                server.send(signal: SIGKILL)
                #expect(try await server.ends(within: .seconds(60)))
                // The client would go on trying to connect.
                for writer in writers { writer.cancel() }
                for writer in writers { _ = await writer.result }
                report.finish()
            }
        }
        let again = try await ServerProcess.start(folder)
        let found = try await Command.run("workload", "list", "--url", again.base)
        let present = Set(
            found.output.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) })
        #expect(present.isSuperset(of: acknowledged))
        // And each with its measurement, configuration and secret, not only with its name.
        let after = GuestTransport(base: again.base, client: .shared)
        for id in acknowledged.suffix(2) { #expect(try await Simulated.guest(id).boot(over: after) == Array(id.utf8)) }
    }

    @Test("On SIGTERM a request in flight is finished, and the server ends")
    func graceful() async throws {
        let (snp, vcek) = (try Simulated.snp, try Simulated.vcek.certificate)
        let answer: StandInService.Answer = { path, _ in
            try? await Task.sleep(for: .seconds(2))
            return path.contains("cert_chain")
                ? StandInService.bytes(Array((snp.ask.pem + snp.ark.pem).utf8)) : StandInService.bytes(vcek.der)
        }
        try await StandInService.run(answering: answer) { standIn, base in
            let folder = try TemporaryFolder()
            let server = try await ServerProcess.start(
                folder, "--endorsements-kds", base, "--set", "endorsements.timeout=600s", "--set",
                "http.stop_timeout=600s")
            let transport = GuestTransport(base: server.base, client: .shared)
            try await transport.register(
                "app", measurement: Hex.encode(Simulated.measurement("app")), configuration: "", secret: "s")
            let guest = try Self.bareGuest()
            let challenge = try await guest.challenge(over: transport)
            async let attested: Void = guest.attest(challenge, over: transport)
            while standIn.asked.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            server.send(signal: SIGTERM)
            try await attested
            #expect(try await server.ends(within: .seconds(60)))
            #expect(server.status == 0)
            #expect(server.log.contains("Stopped."))
            // The session outlives the server.
            let again = try await ServerProcess.start(folder)
            let later = GuestTransport(base: again.base, client: .shared)
            #expect(try await guest.fetchKey(cookie: challenge.cookie, over: later) == Array("s".utf8))
        }
    }

    private static func bareGuest() throws -> SimulatedSNPGuest {
        var guest = try Simulated.guest("app")
        guest.certificates = []
        return guest
    }

    @Test("A folder that something else has written is named as such, and nothing of it is touched")
    func earlierSchema() async throws {
        let folder = try TemporaryFolder()
        let data = folder.file("data")
        try await DataFolder(data).store.close()
        let file = data.appending(path: "kbs.sqlite")
        let store = try SQLiteStore(file: file)
        try store.tamper("DROP TABLE kbs_schema")
        try store.close()
        let before = try Data(contentsOf: file)
        for command in [
            ["serve", "--listen", "127.0.0.1:0"], ["workload", "list"], ["backup", folder.file("backup").path],
        ] {
            let refused = try await Command.runAll(command + ["--data", data.path])
            #expect(refused.status != 0 && refused.errors.contains("from before version 1"), "\(refused)")
        }
        #expect(try Data(contentsOf: file) == before)
    }

    @Test("A server that cannot start says why")
    func cannotStart() async throws {
        let folder = try TemporaryFolder()
        try Data("listem = \"x\"".utf8).write(to: folder.file("kbs.toml"))
        let unknown = try await Command.run("serve", "--config", folder.file("kbs.toml").path)
        #expect(unknown.status != 0 && unknown.errors.contains("listem"))
        let noFolder = try await Command.run("serve", "--listen", "127.0.0.1:0", "--data", "/proc/nowhere")
        #expect(noFolder.status != 0 && noFolder.errors.contains("/proc/nowhere"))
    }
}
